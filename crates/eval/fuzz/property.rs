//! What must hold for any bytes at all, under the fuzzer and in the ordinary tests.

/// Reading gives an error, or every chunk with tokens inside the vocabulary and one log-probability a token and row.
pub fn holds(bytes: &[u8]) {
    let Ok(mut base) = eval::BaseFile::new(bytes, bytes.len() as u64) else { return };
    let (n_ctx, n_vocab, n_chunk) = (base.n_ctx, base.n_vocab, base.n_chunk);
    let rows_per_chunk = base.rows_per_chunk();
    let mut chunks = 0;
    loop {
        match base.next_chunk() {
            Err(_) => return,
            Ok(None) => break,
            Ok(Some(eval::BaseChunk { tokens, rows })) => {
                assert_eq!((tokens.len(), rows.len()), (n_ctx, rows_per_chunk));
                assert!(tokens.iter().all(|id| (*id as usize) < n_vocab));
                assert!(rows.iter().all(|row| row.log_probs().count() == n_vocab));
                chunks += 1;
            }
        }
    }
    assert_eq!(chunks, n_chunk);
}
