//! What a process takes, as the kernel counts it.

use crate::Outcome;
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::Duration;

/// `stat` counts blocks of 512 octets, whatever the file system's own are.
const BLOCK: u64 = 512;

/// The processor time of each thread that a process has.
pub(crate) struct Cpu(BTreeMap<String, Duration>);

impl Cpu {
    /// Until now. The kernel counts each thread in nanoseconds; a thread that has ended is no longer counted.
    pub(crate) fn of(pid: u32) -> Cpu {
        let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
        let counted = tasks.filter_map(|task| {
            let text = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
            Some((task.file_name().to_string_lossy().into_owned(), on_cpu(&text)?))
        });
        Cpu(counted.collect())
    }

    /// What was taken since an earlier count.
    pub(crate) fn since(&self, earlier: &Cpu) -> Duration {
        let before = |thread| earlier.0.get(thread).copied().unwrap_or_default();
        self.0.iter().map(|(thread, time)| time.saturating_sub(before(thread))).sum()
    }
}

/// The first number of `schedstat`: time on a processor, in nanoseconds.
fn on_cpu(schedstat: &str) -> Option<Duration> {
    Some(Duration::from_nanos(schedstat.split_whitespace().next()?.parse().ok()?))
}

/// Octets of memory that only this process can have given: anonymous pages, and the memory files that it holds.
///
/// A memory file that is not mapped shows in no Rss line, so its blocks are counted; one that is open twice counts once.
pub(crate) fn memory(pid: u32) -> Outcome<u64> {
    let mut seen = BTreeSet::new();
    let files = std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    let blocks: u64 = files
        .filter(|file| std::fs::read_link(file.path()).is_ok_and(|link| link.to_string_lossy().starts_with("/memfd:")))
        .filter_map(|file| std::fs::metadata(file.path()).ok())
        .filter(|file| seen.insert((file.dev(), file.ino())))
        .map(|file| file.blocks() * BLOCK)
        .sum();
    Ok(anonymous(pid)? + blocks)
}

/// Octets of anonymous pages.
pub(crate) fn anonymous(pid: u32) -> Outcome<u64> {
    status(pid, "RssAnon:")
}

/// Octets of all resident pages.
pub(crate) fn resident(pid: u32) -> Outcome<u64> {
    status(pid, "VmRSS:")
}

fn status(pid: u32, line: &str) -> Outcome<u64> {
    let path = PathBuf::from(format!("/proc/{pid}/status"));
    let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    octets(&text, line).ok_or_else(|| format!("{} has no {line}", path.display()))
}

/// A line of /proc/PID/status, which says kibibytes.
fn octets(status: &str, line: &str) -> Option<u64> {
    let value = status.lines().find_map(|text| text.strip_prefix(line))?;
    let kibibytes: u64 = value.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes * 1_024)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{MemfdFlags, memfd_create};
    use std::fs::File;
    use std::io::Write;

    #[test]
    fn lines_of_status_are_octets() {
        let status = "Name:\trtrcast\nVmRSS:\t   35220 kB\nRssAnon:\t   28104 kB\nRssFile:\t    7116 kB\n";
        assert_eq!(octets(status, "RssAnon:"), Some(28_104 * 1_024));
        assert_eq!(octets(status, "VmRSS:"), Some(35_220 * 1_024));
        assert_eq!(octets(status, "RssShmem:"), None);
        assert_eq!(octets("RssAnon:\t28104 MB\n", "RssAnon:"), None);
    }

    #[test]
    fn time_on_a_processor_is_the_first_number() {
        assert_eq!(on_cpu("6204871 1003847 12\n"), Some(Duration::from_nanos(6_204_871)));
        assert_eq!(on_cpu(""), None);
    }

    #[test]
    fn a_thread_that_ended_takes_nothing_away() {
        let count = |threads: &[(&str, u64)]| {
            Cpu(threads.iter().map(|(thread, ns)| ((*thread).to_owned(), Duration::from_nanos(*ns))).collect())
        };
        let (before, after) = (count(&[("1", 10), ("2", 90)]), count(&[("1", 15), ("3", 7)]));
        assert_eq!(after.since(&before), Duration::from_nanos(12));
    }

    #[test]
    fn a_memory_file_counts_once() {
        const OCTETS: u64 = 8 << 20;
        let pid = std::process::id();
        let before = memory(pid).unwrap();
        let mut file = File::from(memfd_create("counted", MemfdFlags::CLOEXEC).unwrap());
        let _twice = file.try_clone().unwrap();
        file.write_all(&[1; 4_096].repeat(2_048)).unwrap();
        let grown = memory(pid).unwrap() - before;
        assert!((OCTETS..OCTETS + OCTETS / 2).contains(&grown), "{grown}");
    }
}
