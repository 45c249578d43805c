//! The machine that this runs on, from `/proc`.

use std::fs;

use serde::Serialize;

/// What is told of a machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Machine {
    /// Model of the processors.
    pub cpu: String,
    /// How many there are.
    pub cores: usize,
    /// Memory.
    pub memory_bytes: u64,
    /// The system's kernel.
    pub kernel: String,
}

impl Machine {
    /// This one.
    pub fn this() -> Self {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        Self::parse(&read("/proc/cpuinfo"), &read("/proc/meminfo"), &read("/proc/version"))
    }

    pub(super) fn parse(cpuinfo: &str, meminfo: &str, version: &str) -> Self {
        let cpu = cpuinfo.lines().find(|line| line.starts_with("model name")).and_then(|line| line.split_once(": "));
        let memory = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"));
        let kilobytes = memory.and_then(|value| value.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
        Self {
            cpu: cpu.map_or("unknown", |(_, model)| model.trim()).to_owned(),
            cores: cpuinfo.lines().filter(|line| line.starts_with("processor")).count(),
            memory_bytes: kilobytes.unwrap_or(0) * 1024,
            kernel: version.split(" (").next().unwrap_or_default().trim().to_owned(),
        }
    }
}
