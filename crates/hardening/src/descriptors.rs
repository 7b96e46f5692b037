//! Open files that go from one process to another, over a Unix socket (`unix(7)`, `SCM_RIGHTS`).

#![allow(unsafe_code, reason = "no dependency of this crate wraps these calls; each block has its argument")]

use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd, RawFd};

/// Room for the header of one message with one descriptor, aligned for it: `CMSG_SPACE` of it is 24 bytes on 64-bit Linux.
type Control = [u64; 8];

/// The size of a descriptor, as control messages count.
const DESCRIPTOR_BYTES: libc::c_uint = size_of::<RawFd>() as libc::c_uint;

#[cfg(target_os = "linux")]
const FLAGS: libc::c_int = libc::MSG_CMSG_CLOEXEC | libc::MSG_WAITALL;
#[cfg(not(target_os = "linux"))]
const FLAGS: libc::c_int = libc::MSG_WAITALL;

/// Sends `bytes`, of which there is at least one, with a descriptor. The receiver gets one of its own for the same open file.
///
/// # Errors
/// As `sendmsg(2)`, and when not all bytes went.
pub fn send_descriptor(socket: BorrowedFd<'_>, bytes: &[u8], descriptor: BorrowedFd<'_>) -> io::Result<()> {
    let mut control: Control = [0; 8];
    let mut parts = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
    // SAFETY: all zeros is a message with nothing in it.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = &raw mut parts;
    message.msg_iovlen = 1;
    message.msg_control = control.as_mut_ptr().cast();
    // SAFETY: pure arithmetic.
    message.msg_controllen = unsafe { libc::CMSG_SPACE(DESCRIPTOR_BYTES) } as _;
    // SAFETY: `control` is aligned as a `cmsghdr`, longer than `msg_controllen`, and zero, so that the first header lies in it;
    // the header and the descriptor that are written fit by the meaning of CMSG_SPACE.
    unsafe {
        let header = libc::CMSG_FIRSTHDR(&raw const message);
        (*header).cmsg_level = libc::SOL_SOCKET;
        (*header).cmsg_type = libc::SCM_RIGHTS;
        (*header).cmsg_len = libc::CMSG_LEN(DESCRIPTOR_BYTES) as _;
        libc::CMSG_DATA(header).cast::<RawFd>().write_unaligned(descriptor.as_raw_fd());
    }
    // SAFETY: the message points at `parts`, `bytes` and `control`, which outlive the call; the call only reads `bytes`.
    let sent = unsafe { libc::sendmsg(socket.as_raw_fd(), &raw const message, 0) };
    match usize::try_from(sent) {
        Err(_) => Err(io::Error::last_os_error()),
        Ok(sent) if sent == bytes.len() => Ok(()),
        Ok(_) => Err(io::ErrorKind::WriteZero.into()),
    }
}

/// Receives into `bytes`, as many as there are; how many came, and the descriptor that came with them. None at all is the end.
///
/// # Errors
/// As `recvmsg(2)`; a timeout of the socket is `WouldBlock`.
pub fn receive_descriptor(socket: BorrowedFd<'_>, bytes: &mut [u8]) -> io::Result<(usize, Option<OwnedFd>)> {
    let mut control: Control = [0; 8];
    let mut parts = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: bytes.len() };
    // SAFETY: all zeros is a message with nothing in it.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = &raw mut parts;
    message.msg_iovlen = 1;
    message.msg_control = control.as_mut_ptr().cast();
    // SAFETY: pure arithmetic. Room for one descriptor: the kernel closes what does not fit.
    message.msg_controllen = unsafe { libc::CMSG_SPACE(DESCRIPTOR_BYTES) } as _;
    // SAFETY: the message points at `parts`, `bytes` and `control`, which outlive the call, with their own lengths.
    let received = unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut message, FLAGS) };
    let received = usize::try_from(received).map_err(|_| io::Error::last_os_error())?;
    // SAFETY: the kernel wrote whole headers into `control` and set the length; null where there is none.
    let header = unsafe { libc::CMSG_FIRSTHDR(&raw const message) };
    if header.is_null() {
        return Ok((received, None));
    }
    // SAFETY: not null, so it lies whole in `control`.
    let (level, kind) = unsafe { ((*header).cmsg_level, (*header).cmsg_type) };
    if (level, kind) != (libc::SOL_SOCKET, libc::SCM_RIGHTS) {
        return Ok((received, None));
    }
    // SAFETY: a message of this kind carries at least one descriptor, which the kernel has just opened for this process and
    // which nobody else here knows.
    let descriptor =
        unsafe { OwnedFd::from_raw_fd(libc::CMSG_DATA(header).cast::<RawFd>().read_unaligned()) };
    Ok((received, Some(descriptor)))
}

/// Has the kernel notice a peer that is gone: it is asked after `idle_s` without a word, and given up when sent bytes stay
/// unanswered for that long.
///
/// # Errors
/// As `setsockopt(2)`.
#[cfg(target_os = "linux")]
pub fn notice_lost_peer(socket: BorrowedFd<'_>, idle_s: u16) -> io::Result<()> {
    let (seconds, interval) = (libc::c_int::from(idle_s), libc::c_int::from(idle_s / 5).max(1));
    for (level, option, value) in [
        (libc::SOL_SOCKET, libc::SO_KEEPALIVE, 1),
        (libc::IPPROTO_TCP, libc::TCP_KEEPIDLE, seconds),
        (libc::IPPROTO_TCP, libc::TCP_KEEPINTVL, interval),
        (libc::IPPROTO_TCP, libc::TCP_USER_TIMEOUT, seconds.saturating_mul(1000)),
    ] {
        let size = size_of::<libc::c_int>() as libc::socklen_t;
        // SAFETY: `value` is an int that lives through the call, and `size` is its size.
        let set =
            unsafe { libc::setsockopt(socket.as_raw_fd(), level, option, (&raw const value).cast(), size) };
        if set != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

/// Does nothing: only a confined server has connections passed to it, and only Linux confines.
///
/// # Errors
/// None.
#[cfg(not(target_os = "linux"))]
pub fn notice_lost_peer(_: BorrowedFd<'_>, _: u16) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::{Read as _, Seek as _, Write as _};
    use std::os::fd::AsFd as _;
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn a_file_goes_over_with_its_bytes() {
        let (here, there) = UnixStream::pair().unwrap();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"text").unwrap();
        send_descriptor(here.as_fd(), b"with", file.as_fd()).unwrap();
        (&here).write_all(b"none").unwrap();
        let mut bytes = [0; 4];
        let (count, got) = receive_descriptor(there.as_fd(), &mut bytes).unwrap();
        assert_eq!((count, &bytes), (4, b"with"));
        let mut got = File::from(got.unwrap());
        drop(file);
        got.rewind().unwrap();
        let mut text = String::new();
        got.read_to_string(&mut text).unwrap();
        assert_eq!(text, "text");
        let (count, none) = receive_descriptor(there.as_fd(), &mut bytes).unwrap();
        assert_eq!((count, &bytes, none.is_none()), (4, b"none", true));
        drop(here);
        assert_eq!(receive_descriptor(there.as_fd(), &mut bytes).unwrap().0, 0, "the end");
        assert!(send_descriptor(there.as_fd(), b"with", got.as_fd()).is_err());
    }
}
