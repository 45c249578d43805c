//! How many connections there may be with the files that this process may open: without a file for it, no connection can
//! be accepted, and neither can the store or the database be asked.

/// Files for everything that is no connection of a client.
const OTHER_FILES: usize = 512;

/// As many connections as are wanted, or as there can be.
pub(super) fn connections_max(wanted: usize) -> usize {
    // Where the system tells nothing, nothing is known to stand in the way.
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let Some(files) = files_max(&limits) else { return wanted };
    let possible = files.saturating_sub(OTHER_FILES).max(1);
    if possible < wanted {
        tracing::warn!(
            "http.max_connections is {wanted}, and this process may open {files} files: {possible} connections are taken at a time"
        );
    }
    wanted.min(possible)
}

/// The soft limit out of the table of Linux.
fn files_max(limits: &str) -> Option<usize> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::files_max;

    #[test]
    fn the_soft_limit_is_the_first_number_of_its_line() {
        let limits = "Limit                     Soft Limit           Hard Limit           Units     \n\
                      Max processes             94000                94000                processes \n\
                      Max open files            1024                 524288               files     \n";
        assert_eq!(files_max(limits), Some(1024));
        assert_eq!(files_max(&limits.replace("1024 ", "unlimited")), None);
        assert_eq!(files_max(""), None);
    }
}
