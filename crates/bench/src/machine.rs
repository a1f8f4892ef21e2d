//! The machine, as far as figures depend on it.

use rustix::system::uname;

/// Processors, kernel and memory in one line.
pub(crate) fn describe() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let cpus = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = value(&cpus, "model name").map(|model| format!(" ({model})")).unwrap_or_default();
    let kernel = uname();
    let release = kernel.release().to_string_lossy().into_owned();
    // What stands behind the numbers names who built it.
    let release = release.split(['-', '+']).next().unwrap_or_default().to_owned();
    let memory = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kibibytes = value(&memory, "MemTotal").and_then(|total| total.strip_suffix(" kB")?.trim().parse::<u64>().ok());
    let gigabytes = kibibytes.unwrap_or_default() * 1_024 / 1_000_000_000;
    format!("{cores} cores{model}, {gigabytes} GB of memory, {} {release}", kernel.sysname().to_string_lossy())
}

/// The value of the first line with a name.
fn value<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let lines = text.lines().filter_map(|line| line.split_once(':'));
    lines.into_iter().find(|(key, _)| key.trim() == name).map(|(_, value)| value.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_by_name() {
        let text = "processor\t: 0\nmodel name\t: A: Processor\nprocessor\t: 1\nmodel name\t: Another\n";
        assert_eq!(value(text, "model name"), Some("A: Processor"));
        assert_eq!(value(text, "model"), None);
    }
}
