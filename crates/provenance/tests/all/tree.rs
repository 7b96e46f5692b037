use proptest::prelude::*;
use provenance::tree::{Hash, Tree, consistent, empty_root, leaf_hash, node_hash, root_from_inclusion};

/// The eight leaves of the test data that RFC 6962 implementations share.
const LEAVES: [&str; 8] =
    ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];

/// Roots of the trees of their first 1 to 8.
const ROOTS: [&str; 8] = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

fn hash(hex_text: &str) -> Hash {
    hex::decode(hex_text).unwrap().try_into().unwrap()
}

fn grown(leaves: &[Hash]) -> Tree {
    let mut tree = Tree::new();
    leaves.iter().for_each(|leaf| tree.push(*leaf));
    tree
}

/// RFC 6962, 2.1, word for word.
fn naive_root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => empty_root(),
        [leaf] => *leaf,
        _ => {
            let mut split = 1;
            while split * 2 < leaves.len() {
                split *= 2;
            }
            node_hash(&naive_root(&leaves[..split]), &naive_root(&leaves[split..]))
        }
    }
}

/// RFC 6962, 2.1.1, word for word.
fn naive_path(index: usize, leaves: &[Hash]) -> Vec<Hash> {
    if leaves.len() <= 1 {
        return vec![];
    }
    let mut split = 1;
    while split * 2 < leaves.len() {
        split *= 2;
    }
    let (mut path, sibling) = if index < split {
        (naive_path(index, &leaves[..split]), naive_root(&leaves[split..]))
    } else {
        (naive_path(index - split, &leaves[split..]), naive_root(&leaves[..split]))
    };
    path.push(sibling);
    path
}

#[test]
fn rfc_6962_vectors() {
    assert_eq!(hex::encode(empty_root()), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    let mut tree = Tree::new();
    for (leaf, root) in LEAVES.iter().zip(ROOTS) {
        tree.push(leaf_hash(&hex::decode(leaf).unwrap()));
        assert_eq!(tree.root(), hash(root));
    }
    for (at, root) in ROOTS.iter().enumerate() {
        assert_eq!(tree.root_at(at as u64 + 1), Some(hash(root)));
    }
    assert_eq!(tree.root_at(9), None);
}

#[test]
fn rfc_6962_proofs() {
    let leaves: Vec<Hash> = LEAVES.iter().map(|l| leaf_hash(&hex::decode(l).unwrap())).collect();
    let tree = grown(&leaves);
    let path = tree.inclusion_proof(5, 8).unwrap();
    let expected = [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ];
    assert_eq!(path.iter().map(hex::encode).collect::<Vec<_>>(), expected);
    let proof = tree.consistency_proof(6, 8).unwrap();
    let expected = [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ];
    assert_eq!(proof.iter().map(hex::encode).collect::<Vec<_>>(), expected);
    assert!(consistent(6, &hash(ROOTS[5]), 8, &hash(ROOTS[7]), &proof));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn agrees_with_the_naive_tree(size in 1usize..300, at in 0usize..300, old in 0usize..300) {
        let leaves: Vec<Hash> = (0..size).map(|n| leaf_hash(&n.to_le_bytes())).collect();
        let (at, old) = (at % size, old % (size + 1));
        let tree = grown(&leaves);
        let (new_root, old_root) = (naive_root(&leaves), naive_root(&leaves[..old]));
        prop_assert_eq!(tree.root(), new_root);
        prop_assert_eq!(tree.root_at(old as u64), Some(old_root));

        let path = tree.inclusion_proof(at as u64, size as u64).unwrap();
        prop_assert_eq!(&path, &naive_path(at, &leaves));
        let root = |index: usize, path: &[Hash]| root_from_inclusion(&leaves[at], index as u64, size as u64, path);
        prop_assert_eq!(root(at, &path), Some(new_root));
        prop_assert!(at == 0 || root(at - 1, &path) != Some(new_root));
        let mut longer = path.clone();
        longer.push(new_root);
        prop_assert_eq!(root(at, &longer), None);
        for broken in 0..path.len() {
            let mut path = path.clone();
            path[broken][7] ^= 1;
            prop_assert!(root(at, &path) != Some(new_root));
        }

        let proof = tree.consistency_proof(old as u64, size as u64).unwrap();
        let holds = |old_root: &Hash, proof: &[Hash]| {
            consistent(old as u64, old_root, size as u64, &new_root, proof)
        };
        prop_assert!(holds(&old_root, &proof));
        prop_assert!(!holds(&leaf_hash(b"other"), &proof));
        for broken in 0..proof.len() {
            let mut proof = proof.clone();
            proof[broken][7] ^= 1;
            prop_assert!(!holds(&old_root, &proof));
        }
    }
}
