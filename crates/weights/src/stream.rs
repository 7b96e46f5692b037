//! A file's tensors in pieces: one thread reads and hashes, the caller's has the sink work on what was read before.

use std::io::{self, Read};
use std::panic::resume_unwind;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use crate::error::{Error, Fault, SinkError, printable};
use crate::hashing::HashingReader;
use crate::metadata::Metadata;
use crate::tensor::TensorInfo;

/// Largest piece, unless one group of rows is larger: read, hashed and packed while it is in a core's cache.
const PIECE_BYTES: u64 = 256 << 10;
/// Pieces in memory: one that the sink has, the others read ahead.
const PIECES: usize = 3;

/// Consecutive bytes of a tensor: groups of [`kernels::ROW_GROUP`] rows, at most 256 KiB of them unless one is larger, or all that is
/// left of it. A tensor of fewer than two dimensions is one piece.
#[derive(Debug, Clone, Copy)]
pub struct Piece<'a> {
    /// First byte, from the start of the tensor.
    pub start: u64,
    /// The bytes; none only where the tensor has none.
    pub bytes: &'a [u8],
}

impl Piece<'_> {
    /// First byte that is not in it, from the start of the tensor: in the last piece, the tensor's size.
    pub fn end(&self) -> u64 {
        self.start.saturating_add(self.bytes.len() as u64)
    }
}

/// Takes each tensor's pieces in order, one tensor after the other: the file's metadata, the tensor, the piece.
pub type Sink<'a> = dyn FnMut(&Metadata, &TensorInfo, Piece<'_>) -> Result<(), SinkError> + 'a;

/// A piece on its way to the sink, in a buffer that goes back.
struct Filled<'a> {
    tensor: &'a TensorInfo,
    start: u64,
    buffer: Vec<u8>,
    len: usize,
}

/// Hands every tensor to the sink. `progress` is told the bytes of the file that the sink has had. Gives the time spent
/// reading and hashing.
///
/// # Errors
/// [`Error::Sink`] as soon as the sink refuses; what it did not have is not read then.
pub(crate) fn tensors<R: Read + Send>(
    reader: &mut HashingReader<R>,
    path: &Path,
    (metadata, tensors): (&Metadata, &[TensorInfo]),
    progress: &mut dyn FnMut(u64),
    sink: &mut Sink<'_>,
) -> Result<Duration, Error> {
    let io = |source| Error::Io { doing: "read", path: path.to_owned(), source };
    let largest = tensors.iter().map(|tensor| piece_bytes(tensor).min(tensor.bytes)).max().unwrap_or(0);
    let largest = usize::try_from(largest)
        .map_err(|_| Fault::new("a group of rows is larger than this machine's memory").at(path))?;
    std::thread::scope(|scope| {
        let (give_back, spare) = channel();
        let (send, filled) = channel();
        let reading = std::thread::Builder::new().name("weights".to_owned());
        let reading = reading
            .spawn_scoped(scope, move || read_ahead(reader, tensors, &spare, &send))
            .map_err(|source| Error::Io { doing: "start a thread to read", path: path.to_owned(), source })?;
        // The thread's end of a channel is gone only when it has stopped; its outcome says why.
        (0..PIECES).for_each(|_| drop(give_back.send(vec![0; largest])));
        let mut outcome = Ok(());
        for Filled { tensor, start, buffer, len } in filled {
            let bytes = buffer.get(..len).unwrap_or_default();
            outcome = sink(metadata, tensor, Piece { start, bytes }).map_err(|source| Error::Sink {
                path: path.to_owned(),
                tensor: printable(&tensor.name),
                source,
            });
            if outcome.is_err() {
                break;
            }
            progress(tensor.offset.saturating_add(start).saturating_add(len as u64));
            drop(give_back.send(buffer));
        }
        // Without buffers the thread stops.
        drop(give_back);
        let read = reading.join().unwrap_or_else(|panic| resume_unwind(panic));
        outcome.and(read.map_err(io))
    })
}

/// The reading thread: fills the buffers that come and sends them on, until all is read or nobody wants more.
fn read_ahead<'a, R: Read>(
    reader: &mut HashingReader<R>,
    tensors: &'a [TensorInfo],
    spare: &Receiver<Vec<u8>>,
    send: &Sender<Filled<'a>>,
) -> io::Result<Duration> {
    let mut busy = Duration::ZERO;
    for tensor in tensors {
        let (step, mut start) = (piece_bytes(tensor), 0);
        loop {
            let Ok(mut buffer) = spare.recv() else { return Ok(busy) };
            let began = Instant::now();
            let gap = tensor.offset.saturating_add(start).saturating_sub(reader.position());
            io::copy(&mut reader.by_ref().take(gap), &mut io::sink())?;
            // As long as the largest piece, so it fits.
            let len = usize::try_from(step.min(tensor.bytes.saturating_sub(start))).unwrap_or(buffer.len());
            reader.fill(buffer.get_mut(..len).unwrap_or_default())?;
            busy = busy.saturating_add(began.elapsed());
            let end = start.saturating_add(len as u64);
            if send.send(Filled { tensor, start, buffer, len }).is_err() {
                return Ok(busy);
            }
            if end >= tensor.bytes {
                break;
            }
            start = end;
        }
    }
    Ok(busy)
}

/// Bytes of a tensor's pieces, its last one's aside: whole groups of rows.
fn piece_bytes(tensor: &TensorInfo) -> u64 {
    let rows = match tensor.shape.split_last() {
        Some((_, rows)) if !rows.is_empty() => rows.iter().fold(1u64, |all, dim| all.saturating_mul(*dim)),
        _ => return tensor.bytes,
    };
    let group = (tensor.bytes / rows.max(1)).saturating_mul(kernels::ROW_GROUP as u64).max(1);
    (PIECE_BYTES / group).max(1).saturating_mul(group)
}
