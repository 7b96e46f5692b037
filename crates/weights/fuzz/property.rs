//! What must hold for any bytes at all, under the fuzzer and in the ordinary tests.

/// Parsing gives an error, or tensors that lie one after the other inside the file and are as large as they say.
pub fn holds(bytes: &[u8]) {
    let Ok(header) = weights::parse(bytes) else { return };
    let mut end = 0;
    for tensor in &header.tensors {
        let elements = tensor.shape.iter().try_fold(1u64, |product, dim| product.checked_mul(*dim));
        assert_eq!(elements.and_then(|elements| tensor.dtype.bytes_for(elements)), Some(tensor.bytes));
        assert!(tensor.offset >= end);
        end = tensor.offset.checked_add(tensor.bytes).unwrap();
    }
    assert!(end <= bytes.len() as u64);
    for (_, value) in header.metadata.iter() {
        if let weights::Value::Array(array) = value {
            assert!(array.len() <= bytes.len());
        }
    }
}
