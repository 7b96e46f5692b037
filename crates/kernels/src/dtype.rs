//! The tensor types of GGUF: ids, names and block sizes.

/// Makes the enum and its table from one list, so that they cannot disagree.
macro_rules! dtypes {
    ($($(#[$doc:meta])* $variant:ident = $id:literal, $name:literal, $len:literal, $bytes:literal;)*) => {
        /// A tensor type of GGUF. Discriminants are the ids in the file (`ggml_type`).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[allow(non_camel_case_types, reason = "the names are the field's")]
        #[non_exhaustive]
        #[repr(u32)]
        pub enum DType { $($(#[$doc])* $variant = $id,)* }

        impl DType {
            /// Every type, in the order of the ids.
            pub const ALL: &[DType] = &[$(DType::$variant,)*];

            /// The type with this id in a GGUF file; `None` for ids never given out or withdrawn.
            pub const fn from_gguf_id(id: u32) -> Option<DType> {
                match id { $($id => Some(DType::$variant),)* _ => None }
            }

            /// The name llama.cpp's tools print in capitals, such as `Q4_K`.
            pub const fn name(self) -> &'static str {
                match self { $(DType::$variant => $name,)* }
            }

            /// Elements in one block; 1 for plain numbers.
            pub const fn block_len(self) -> usize {
                match self { $(DType::$variant => $len,)* }
            }

            /// Bytes of one block.
            pub const fn block_bytes(self) -> usize {
                match self { $(DType::$variant => $bytes,)* }
            }
        }
    };
}

dtypes! {
    /// IEEE 754 binary32.
    F32 = 0, "F32", 1, 4;
    /// IEEE 754 binary16.
    F16 = 1, "F16", 1, 2;
    /// 4 bits, f16 scale.
    Q4_0 = 2, "Q4_0", 32, 18;
    /// 4 bits, f16 scale and minimum.
    Q4_1 = 3, "Q4_1", 32, 20;
    /// 5 bits, f16 scale.
    Q5_0 = 6, "Q5_0", 32, 22;
    /// 5 bits, f16 scale and minimum.
    Q5_1 = 7, "Q5_1", 32, 24;
    /// 8 bits, f16 scale.
    Q8_0 = 8, "Q8_0", 32, 34;
    /// 8 bits, f16 scale and scaled sum; an activation type.
    Q8_1 = 9, "Q8_1", 32, 36;
    /// 2 bits in superblocks of 256.
    Q2_K = 10, "Q2_K", 256, 84;
    /// 3 bits in superblocks of 256.
    Q3_K = 11, "Q3_K", 256, 110;
    /// 4 bits in superblocks of 256.
    Q4_K = 12, "Q4_K", 256, 144;
    /// 5 bits in superblocks of 256.
    Q5_K = 13, "Q5_K", 256, 176;
    /// 6 bits in superblocks of 256.
    Q6_K = 14, "Q6_K", 256, 210;
    /// 8 bits, f32 scale and sums of 16; an activation type.
    Q8_K = 15, "Q8_K", 256, 292;
    /// 2.06 bits, lattice codebook.
    IQ2_XXS = 16, "IQ2_XXS", 256, 66;
    /// 2.31 bits, lattice codebook.
    IQ2_XS = 17, "IQ2_XS", 256, 74;
    /// 3.06 bits, lattice codebook.
    IQ3_XXS = 18, "IQ3_XXS", 256, 98;
    /// 1.56 bits, lattice codebook.
    IQ1_S = 19, "IQ1_S", 256, 50;
    /// 4 bits through a table of 16 values, f16 scale.
    IQ4_NL = 20, "IQ4_NL", 32, 18;
    /// 3.44 bits, lattice codebook.
    IQ3_S = 21, "IQ3_S", 256, 110;
    /// 2.56 bits, lattice codebook.
    IQ2_S = 22, "IQ2_S", 256, 82;
    /// 4 bits through a table of 16 values, in superblocks of 256.
    IQ4_XS = 23, "IQ4_XS", 256, 136;
    /// Signed byte.
    I8 = 24, "I8", 1, 1;
    /// Signed 16-bit integer.
    I16 = 25, "I16", 1, 2;
    /// Signed 32-bit integer.
    I32 = 26, "I32", 1, 4;
    /// Signed 64-bit integer.
    I64 = 27, "I64", 1, 8;
    /// IEEE 754 binary64.
    F64 = 28, "F64", 1, 8;
    /// 1.75 bits, lattice codebook.
    IQ1_M = 29, "IQ1_M", 256, 56;
    /// The upper half of binary32.
    BF16 = 30, "BF16", 1, 2;
    /// Ternary, five to a byte.
    TQ1_0 = 34, "TQ1_0", 256, 54;
    /// Ternary, four to a byte.
    TQ2_0 = 35, "TQ2_0", 256, 66;
    /// OCP microscaling: E2M1 values, E8M0 scale.
    MXFP4 = 39, "MXFP4", 32, 17;
    /// E2M1 values, UE4M3 scale per 16.
    NVFP4 = 40, "NVFP4", 64, 36;
    /// 1 bit, f16 scale.
    Q1_0 = 41, "Q1_0", 128, 18;
    /// 2 bits, f16 scale.
    Q2_0 = 42, "Q2_0", 64, 18;
}

impl DType {
    /// The id in a GGUF file.
    pub const fn gguf_id(self) -> u32 {
        self as u32
    }

    /// Bytes that `elements` elements take; `None` when that is no whole number of blocks or overflows.
    pub const fn bytes_for(self, elements: u64) -> Option<u64> {
        let len = self.block_len() as u64;
        if !elements.is_multiple_of(len) {
            return None;
        }
        (elements / len).checked_mul(self.block_bytes() as u64)
    }
}
