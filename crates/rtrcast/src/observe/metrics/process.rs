//! The process itself: processor time, memory and descriptors, by the names that Prometheus' own clients use. They are
//! read from the kernel whenever metrics are asked for; what the kernel does not say is left out.

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};
use std::fmt;
use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

/// The metrics of this process.
#[derive(Debug)]
pub(super) struct ProcessCollector {
    /// In seconds since 1970. It is read once: a value that moved with the clock would look like a restart.
    started: f64,
}

impl ProcessCollector {
    /// Those of a process that starts now.
    pub(super) fn new() -> ProcessCollector {
        let started = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        ProcessCollector { started: started.as_secs_f64() }
    }
}

impl Collector for ProcessCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let cpu = ConstCounter::new(cpu_seconds());
        // The encoder adds `_total`.
        show(&mut encoder, "process_cpu_seconds", "User and system CPU time spent, in seconds.", &cpu)?;
        let memory = ProcessMemory::read();
        let gauges = [
            ("process_resident_memory_bytes", "Resident memory size in bytes.", memory.as_ref().map(|m| m.resident)),
            ("process_virtual_memory_bytes", "Virtual memory size in bytes.", memory.as_ref().map(|m| m.total)),
            ("process_open_fds", "Number of open file descriptors.", open_descriptors()),
            ("process_max_fds", "Maximum number of open file descriptors.", getrlimit(Resource::Nofile).current),
        ];
        for (name, help, value) in gauges {
            if let Some(value) = value {
                let value = i64::try_from(value).unwrap_or(i64::MAX);
                show(&mut encoder, name, help, &ConstGauge::new(value))?;
            }
        }
        let help = "Start time of the process since unix epoch in seconds.";
        show(&mut encoder, "process_start_time_seconds", help, &ConstGauge::new(self.started))
    }
}

fn show(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, metric: &impl EncodeMetric) -> fmt::Result {
    metric.encode(encoder.encode_descriptor(name, help, None, metric.metric_type())?)
}

fn cpu_seconds() -> f64 {
    const NANOS: f64 = 1e9;
    let spent = clock_gettime(ClockId::ProcessCPUTime);
    spent.tv_sec as f64 + spent.tv_nsec as f64 / NANOS
}

/// Memory of the process, in octets.
struct ProcessMemory {
    total: u64,
    resident: u64,
}

impl ProcessMemory {
    /// As proc(5) has it in `statm`, in pages.
    fn read() -> Option<ProcessMemory> {
        let text = fs::read_to_string("/proc/self/statm").ok()?;
        let page = u64::try_from(rustix::param::page_size()).ok()?;
        let mut octets = text.split_whitespace().map(|pages| Some(pages.parse::<u64>().ok()?.saturating_mul(page)));
        Some(ProcessMemory { total: octets.next()??, resident: octets.next()?? })
    }
}

/// The descriptors but for the one that lists them.
fn open_descriptors() -> Option<u64> {
    let listed = fs::read_dir("/proc/self/fd").ok()?.count();
    u64::try_from(listed.saturating_sub(1)).ok()
}
