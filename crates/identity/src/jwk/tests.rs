//! The RFCs' own keys and signatures, and keys that must not be taken.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test code fails by panicking"
)]

use base64::Engine as _;
use serde_json::{Value, json};

use super::*;

/// RFC 7515, A.2 and A.3: the payload of both.
const PAYLOAD: &str =
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
/// RFC 7515, A.2.
const RSA_N: &str = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";
/// RFC 7515, A.2.
const RSA_SIGNATURE: &str = "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
/// RFC 7515, A.3.
const EC_SIGNATURE: &str =
    "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
/// RFC 7638, 3.1.
const THUMBPRINT_N: &str = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";

fn rsa() -> Value {
    json!({"kty": "RSA", "n": RSA_N, "e": "AQAB"})
}

fn ec() -> Value {
    json!({"kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
           "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"})
}

/// RFC 8037, A.2.
fn ed() -> Value {
    json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})
}

fn with(mut key: Value, name: &str, value: Value) -> Value {
    key[name] = value;
    key
}

fn set(keys: &[Value]) -> Result<Jwks, String> {
    Jwks::parse("identity/x.jwks.json", &json!({"keys": keys}).to_string()).map_err(|error| error.to_string())
}

#[track_caller]
fn one(key: Value) -> Jwk {
    set(&[key]).unwrap().keys[0].clone()
}

fn verifies(key: &Jwk, algorithm: Algorithm, message: &str, signature: &str) -> bool {
    key.verifies(algorithm, message.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).unwrap())
}

#[test]
fn the_signatures_of_the_rfcs_hold() {
    let rsa_message = format!("eyJhbGciOiJSUzI1NiJ9.{PAYLOAD}");
    let ec_message = format!("eyJhbGciOiJFUzI1NiJ9.{PAYLOAD}");
    // RFC 8037, A.4.
    let ed_message = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
    let ed_signature =
        "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    let (rsa, ec, ed) = (one(rsa()), one(ec()), one(ed()));
    assert!(verifies(&rsa, Algorithm::Rs256, &rsa_message, RSA_SIGNATURE));
    assert!(verifies(&ec, Algorithm::Es256, &ec_message, EC_SIGNATURE));
    assert!(verifies(&ed, Algorithm::EdDsa, ed_message, ed_signature));
    assert!(verifies(&ed, Algorithm::Ed25519, ed_message, ed_signature));
    // The same key, another algorithm of its kind; another message; another kind.
    for other in [Algorithm::Rs384, Algorithm::Rs512, Algorithm::Ps256, Algorithm::Es256, Algorithm::EdDsa] {
        assert!(!verifies(&rsa, other, &rsa_message, RSA_SIGNATURE), "{other}");
    }
    assert!(!verifies(&ec, Algorithm::Es256, &rsa_message, EC_SIGNATURE));
    assert!(!verifies(&ec, Algorithm::Es384, &ec_message, EC_SIGNATURE));
    assert!(!verifies(&ed, Algorithm::EdDsa, &ec_message, ed_signature));
    // s + L, the same value modulo the order: a second form of the same signature (RFC 8032, 8.4).
    let mut second = URL_SAFE_NO_PAD.decode(ed_signature).unwrap();
    let order = hex::decode("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010").unwrap();
    let mut carry = 0_u16;
    for (byte, add) in second[32..].iter_mut().zip(&order) {
        carry += u16::from(*byte) + u16::from(*add);
        *byte = (carry & 0xff) as u8;
        carry >>= 8;
    }
    assert_eq!(carry, 0);
    assert!(!ed.verifies(Algorithm::EdDsa, ed_message.as_bytes(), &second));
}

#[test]
fn the_thumbprints_of_the_rfcs() {
    let of = |key: Value| URL_SAFE_NO_PAD.encode(one(key).thumbprint());
    let rsa = json!({"kty": "RSA", "n": THUMBPRINT_N, "e": "AQAB", "alg": "RS256", "kid": "2011-04-29"});
    assert_eq!(of(rsa), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    // RFC 8037, A.3.
    assert_eq!(of(ed()), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
}

#[test]
fn a_key_is_called_by_its_kid_where_the_log_takes_it() {
    assert_eq!(one(with(ed(), "kid", json!("2011-04-29"))).label(), "2011-04-29");
    for unfit in ["met spatie", "é", &"k".repeat(65)] {
        assert_eq!(one(with(ed(), "kid", json!(unfit))).label(), "90facafea9b15566");
    }
    assert_eq!(one(ed()).label(), "90facafea9b15566");
}

#[test]
fn keys_that_are_not_for_signatures_are_left_aside() {
    let good = with(rsa(), "kid", json!("good"));
    let aside = [
        with(ec(), "use", json!("enc")),
        with(ec(), "key_ops", json!(["encrypt"])),
        with(ec(), "key_ops", json!([])),
        with(with(ec(), "use", json!("enc")), "key_ops", json!(["verify"])),
        with(ec(), "alg", json!("ECDH-ES")),
        with(rsa(), "alg", json!("RSA-OAEP")),
        json!({"kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA"}),
        json!({"kty": "OKP", "crv": "X25519", "x": "AA"}),
        json!({"kty": "AKP"}),
    ];
    for key in aside {
        let set = set(&[good.clone(), with(key.clone(), "kid", json!("aside"))]).unwrap();
        assert!(set.keys[1].unfit().is_some(), "{key}");
        assert!(Algorithm::ALL.iter().all(|&algorithm| !set.keys[1].takes(algorithm)), "{key}");
        // A token without kid means the one that is left.
        assert_eq!(set.find(None).unwrap().label(), "good");
        assert_eq!(set.find(Some("aside")).unwrap().unfit(), set.keys[1].unfit());
    }
    assert!(one(with(ec(), "key_ops", json!(["verify"]))).takes(Algorithm::Es256));
    assert!(one(with(ec(), "use", json!("sig"))).takes(Algorithm::Es256));
    let bound = one(with(rsa(), "alg", json!("PS256")));
    assert!(bound.takes(Algorithm::Ps256) && !bound.takes(Algorithm::Rs256));
}

#[test]
fn whatever_is_doubtful_refuses_the_set() {
    let kid = |key: Value, kid: &str| with(key, "kid", json!(kid));
    let short = URL_SAFE_NO_PAD.encode([0xff; 255]);
    let zeros = URL_SAFE_NO_PAD.encode([[0].as_slice(), &[0xff; 256]].concat());
    let even = URL_SAFE_NO_PAD.encode([0xfe; 256]);
    let long = URL_SAFE_NO_PAD.encode([0xff; 1025]);
    // The neutral point of the curve: any signature with s = 0 would hold.
    let weak = URL_SAFE_NO_PAD.encode([[1].as_slice(), &[0; 31]].concat());
    let cases: &[(&[Value], &str)] = &[
        (&[], "no key that verifies"),
        (&[with(ec(), "use", json!("enc"))], "no key that verifies"),
        (&[rsa(), ec()], "without kid"),
        (&[kid(rsa(), "a"), ec()], "without kid"),
        (&[kid(rsa(), "a"), kid(ec(), "a")], "kid twice"),
        (&[kid(rsa(), "a"), kid(with(ec(), "use", json!("enc")), "a")], "kid twice"),
        (&[kid(rsa(), "")], "kid that is empty"),
        (&[with(rsa(), "kid", json!(1))], "no string"),
        (&[with(ec(), "d", json!("AA"))], "holds a secret"),
        (&[kid(rsa(), "a"), with(kid(rsa(), "b"), "p", json!("AA"))], "key 2 holds a secret"),
        (&[json!({"kty": "oct", "k": "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ"})], "holds a secret"),
        (&[json!({"kty": "oct"})], "symmetric"),
        (&[json!({"kty": "RSA", "n": RSA_N})], "lacks a member"),
        (&[with(rsa(), "n", json!(short))], "fewer than 2048"),
        (&[with(rsa(), "n", json!(long))], "more than 8192"),
        (&[with(rsa(), "n", json!(zeros))], "zeros in front"),
        (&[with(rsa(), "n", json!(even))], "no sound RSA key"),
        (&[with(rsa(), "n", json!(""))], "empty n"),
        (&[with(rsa(), "e", json!("Aw"))], "no sound RSA key"),
        (&[with(rsa(), "e", json!("AQAC"))], "no sound RSA key"),
        (&[with(rsa(), "e", json!("AQAAAAE"))], "no sound RSA key"),
        (&[with(rsa(), "e", json!("AQAB="))], "not base64url"),
        (&[with(rsa(), "alg", json!("ES256"))], "another kind of key"),
        (&[with(ec(), "alg", json!("ES384"))], "another kind of key"),
        (&[with(ec(), "x", json!("AA"))], "as long as its curve's"),
        (&[with(ec(), "crv", json!("P-384"))], "as long as its curve's"),
        (&[with(ec(), "key_ops", json!("verify"))], "no list"),
        (&[with(ed(), "x", json!("AA"))], "no usable Ed25519"),
        (&[with(ed(), "x", json!(weak))], "no usable Ed25519"),
        (&[json!("x")], "key 1 is no object"),
        (&[json!({})], "no kty"),
    ];
    for (keys, said) in cases {
        let error = set(keys).expect_err(said);
        assert!(error.starts_with("identity/x.jwks.json: ") && error.contains(said), "{said}: {error}");
    }
    for text in [
        "",
        "{}",
        "{\"keys\":{}}",
        "{\"keys\":[],\"keys\":[]}",
        "[]",
        "{\"keys\":[{\"kty\":\"RSA\",\"kty\":\"EC\"}]}",
    ] {
        assert!(Jwks::parse("x", text).is_err(), "{text}");
    }
    let many: Vec<Value> = (0..65).map(|at| kid(ed(), &at.to_string())).collect();
    assert!(set(&many).unwrap_err().contains("more than 64"));
}

/// What was pasted may be secret.
#[test]
fn an_error_quotes_nothing() {
    let secret = "c2VjcmV0LXNlY3JldA";
    for key in
        [with(ec(), "d", json!(secret)), json!({"kty": "oct", "k": secret}), with(rsa(), "n", json!(secret))]
    {
        let error = set(&[with(key, "kid", json!("kid-of-mine"))]).unwrap_err();
        assert!(!error.contains(secret) && !error.contains("kid-of-mine"), "{error}");
    }
    let error = Jwks::parse("x", &format!("{{\"k\": \"{secret}\"")).unwrap_err();
    assert!(!error.to_string().contains(secret), "{error}");
}
