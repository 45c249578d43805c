//! Reading `/proc`.

use super::{Process, cpu_seconds, status_bytes};

#[test]
fn a_process_is_a_name_and_a_number() {
    assert_eq!("metastore=12".parse(), Ok(Process::new("metastore", 12)));
    for text in ["12", "=12", "metastore=", "metastore=-1"] {
        let refused = text.parse::<Process>().unwrap_err();
        assert_eq!(refused, format!("{text:?} is no process: write NAME=PID"));
    }
}

#[test]
fn the_files_are_understood() {
    let status = "Name:\tpagestore\nVmHWM:\t   20480 kB\nVmRSS:\t    1024 kB\n";
    assert_eq!((status_bytes(status, "VmRSS:"), status_bytes(status, "VmHWM:")), (1 << 20, 20 << 20));
    assert_eq!(status_bytes("Name:\tgone\n", "VmRSS:"), 0);
    let stat = "7 (a (b) c) S 1 7 7 0 -1 4194560 100 0 0 0 150 50 0 0 20 0 4 0 100 0 0";
    assert!((cpu_seconds(stat) - 2.0).abs() < 1e-9);
}

#[test]
fn memory_that_is_taken_and_given_back_is_seen_at_its_peak() {
    let this = Process::new("test", std::process::id());
    let before = this.begin().unwrap();
    drop(std::hint::black_box(vec![1u8; 64 << 20]));
    let figures = this.end(before).unwrap();
    assert!(figures.memory_peak_bytes >= before.memory_bytes + (60 << 20), "{figures:?} {before:?}");
    assert!(figures.memory_after_bytes < figures.memory_peak_bytes, "{figures:?}");
}

#[test]
fn a_process_that_is_not_there_is_named() {
    let refused = Process::new("nobody", u32::MAX).begin().unwrap_err().to_string();
    assert_eq!(refused, "cannot read /proc/4294967295/clear_refs");
}
