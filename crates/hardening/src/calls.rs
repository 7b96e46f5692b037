//! Seccomp: which calls to the kernel are refused.

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
};

/// Calls that a server has no use for once it runs, and that would get around one of the measures.
const NEVER: &[libc::c_long] = &[
    // Into other processes, and out of them.
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    libc::SYS_userfaultfd,
    libc::SYS_perf_event_open,
    // Another program in the place of this one.
    libc::SYS_execve,
    libc::SYS_execveat,
    // Calls that this filter would not see: a ring opens sockets and files on its own.
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    // The kernel itself.
    libc::SYS_bpf,
    libc::SYS_kexec_load,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    // Another view of the files.
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsmount,
    libc::SYS_fsconfig,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_open_by_handle_at,
    // Keys of the kernel's ring.
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
];

/// On x86-64 a call also has a number of the x32 ABI, where a kernel has that: this bit is added, and some have another.
#[cfg(target_arch = "x86_64")]
const X32_BIT: i64 = 0x4000_0000;
/// `execve`, `ptrace`, `kexec_load`, `process_vm_readv`, `process_vm_writev`, `execveat` of x32 (`syscall_64.tbl` of Linux).
#[cfg(target_arch = "x86_64")]
const X32_NEVER: &[i64] = &[520, 521, 528, 539, 540, 545];

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Refuses the calls with `EPERM`, for this thread and its descendants; how many calls have a rule. With `inet`, sockets stay.
pub(crate) fn refuse(inet: bool) -> Result<usize, String> {
    let failed = |error: &dyn std::fmt::Display| format!("seccomp could not be set up: {error}");
    let rules = rules(inet).map_err(|error| failed(&error))?;
    let count = rules.len();
    #[cfg(target_arch = "x86_64")]
    let rules = with_x32(rules);
    let refused = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    let architecture = std::env::consts::ARCH.try_into().map_err(|error| failed(&error))?;
    let program: BpfProgram = SeccompFilter::new(rules, SeccompAction::Allow, refused, architecture)
        .and_then(TryInto::try_into)
        .map_err(|error| failed(&error))?;
    seccompiler::apply_filter(&program).map_err(|error| failed(&error))?;
    Ok(count)
}

/// A call without conditions is always refused.
fn rules(inet: bool) -> Result<Rules, seccompiler::BackendError> {
    let mut rules: Rules = NEVER.iter().map(|&call| (call, Vec::new())).collect();
    #[cfg(target_arch = "x86_64")]
    rules
        .extend([libc::SYS_kexec_file_load, libc::SYS_iopl, libc::SYS_ioperm].map(|call| (call, Vec::new())));
    if inet {
        return Ok(rules);
    }
    let other_than_unix = SeccompCondition::new(
        0,
        SeccompCmpArgLen::Dword,
        SeccompCmpOp::Ne,
        u64::from(libc::AF_UNIX.unsigned_abs()),
    )?;
    rules.insert(libc::SYS_socket, vec![SeccompRule::new(vec![other_than_unix])?]);
    // A socket that a client has been accepted on could be connected anew, to elsewhere. A server connects nothing.
    rules.insert(libc::SYS_connect, Vec::new());
    // Sending with this flag connects as well (TCP Fast Open, RFC 7413).
    let fast_open = u64::from(libc::MSG_FASTOPEN.unsigned_abs());
    for (call, flags) in [(libc::SYS_sendto, 3), (libc::SYS_sendmsg, 2), (libc::SYS_sendmmsg, 3)] {
        let connects = SeccompCondition::new(
            flags,
            SeccompCmpArgLen::Dword,
            SeccompCmpOp::MaskedEq(fast_open),
            fast_open,
        )?;
        rules.insert(call, vec![SeccompRule::new(vec![connects])?]);
    }
    Ok(rules)
}

#[cfg(target_arch = "x86_64")]
fn with_x32(mut rules: Rules) -> Rules {
    let doubled: Vec<_> = rules.iter().map(|(call, rule)| (call | X32_BIT, rule.clone())).collect();
    rules.extend(doubled);
    rules.extend(X32_NEVER.iter().map(|call| (call | X32_BIT, Vec::new())));
    rules
}
