//! What a service would find around it if it were started here: how commands learn a service's own settings.

use std::{ffi::OsString, path::PathBuf};

use catgraft_service::settings::Surroundings;

/// The environment and working directory of this process, with this configuration file named on the service's command line.
pub(crate) fn surroundings_of(service: &str, config: Option<&PathBuf>) -> Surroundings {
    let mut arguments: Vec<OsString> = vec![service.into()];
    if let Some(config) = config {
        arguments.extend(["--config".into(), config.into()]);
    }
    Surroundings { arguments, ..Surroundings::of_process() }
}
