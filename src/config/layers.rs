//! Flags over environment over file over defaults: what was given, read into a [`Config`].

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::{Allowed, ConfigError, ErrorKind, Place};
use super::route::Routes;
use super::sections::{
    CodecSettings, ConferenceSettings, JitterSettings, LimitSettings, LogSettings, OpusSettings, RtpSettings,
    SipSettings, TimerSettings, WorkerSettings,
};
use super::setting::{Given, Reader};
use super::{Config, check, file, key_named, keys};

/// The routes of a server without a file: those of the documented example.
const EMBEDDED: &str = include_str!("../../configs/antiphon.toml");

/// Most bytes of a configuration file.
const MAX_FILE_BYTES: u64 = 16 << 20;

/// What the command line and the environment gave, as text.
#[derive(Debug, Clone, Default)]
pub struct Layers {
    /// The file to read, of `--config` or `ANTIPHON_CONFIG`.
    pub file: Option<PathBuf>,
    /// Values of flags by key, in their order.
    pub flags: BTreeMap<&'static str, Vec<String>>,
    /// Values of environment variables by key.
    pub environment: BTreeMap<&'static str, String>,
}

impl Layers {
    /// Reads the file, lays the layers over each other and gives the configuration or all its mistakes.
    pub fn read(&self) -> Result<Config, Vec<ConfigError>> {
        let mut reader = Reader::default();
        let text = match &self.file {
            Some(path) => read_file(path).map_err(|error| vec![error])?,
            None => String::new(),
        };
        let routes = match &self.file {
            Some(path) => file::read(path, &text, &mut reader),
            None => None,
        };
        for (&key, value) in &self.environment {
            reader.lay(key, given(key, std::slice::from_ref(value), Place::Environment));
        }
        for (&key, values) in &self.flags {
            reader.lay(key, given(key, values, Place::Flag));
        }
        let config = self.config(&mut reader, routes.unwrap_or_else(embedded_routes));
        if reader.errors.is_empty() {
            check::contradictions(&config, &mut reader);
            check::contradictions_of_routes(&config, &mut reader);
        }
        if reader.errors.is_empty() { Ok(config) } else { Err(reader.errors) }
    }

    fn config(&self, reader: &mut Reader, routes: Routes) -> Config {
        Config {
            sip: SipSettings::read(reader),
            rtp: RtpSettings::read(reader),
            codec: CodecSettings::read(reader),
            opus: OpusSettings::read(reader),
            jitter: JitterSettings::read(reader),
            limit: LimitSettings::read(reader),
            timer: TimerSettings::read(reader),
            conference: ConferenceSettings::read(reader),
            worker: WorkerSettings::read(reader),
            log: LogSettings::read(reader),
            routes,
            file: self.file.clone(),
        }
    }

    /// Takes the values of our variables out of an environment.
    pub fn take_environment(&mut self, variable: impl Fn(&str) -> Option<String>) {
        self.environment = keys().filter_map(|key| Some((key.name, variable(&key.variable())?))).collect();
    }
}

/// The routes of a file as they are now; without any, the embedded ones.
pub fn reload_routes(path: &Path) -> Result<Routes, Vec<ConfigError>> {
    let text = read_file(path).map_err(|error| vec![error])?;
    let mut reader = Reader::default();
    let routes = file::read(path, &text, &mut reader);
    if reader.errors.is_empty() { Ok(routes.unwrap_or_else(embedded_routes)) } else { Err(reader.errors) }
}

fn embedded_routes() -> Routes {
    let mut reader = Reader::default();
    let routes = file::read(Path::new("configs/antiphon.toml"), EMBEDDED, &mut reader);
    routes.expect("the embedded file has routes")
}

fn read_file(path: &Path) -> Result<String, ConfigError> {
    let error = |kind| ConfigError {
        place: Place::File { path: Arc::from(path), line: 0 },
        key: String::new(),
        kind,
    };
    let unreadable = |cause| error(ErrorKind::Unreadable { error: cause });
    let length = std::fs::metadata(path).map_err(unreadable)?.len();
    if length > MAX_FILE_BYTES {
        let allowed = Allowed::of(format!("at most {MAX_FILE_BYTES} bytes"));
        return Err(error(ErrorKind::NotAllowed { value: format!("{length} bytes"), allowed }));
    }
    std::fs::read_to_string(path).map_err(unreadable)
}

/// The values of a flag or variable; those of a list are also split at commas.
fn given(key: &str, values: &[String], place: Place) -> Vec<Given> {
    let is_list = key_named(key).is_some_and(|key| key.is_list);
    let texts: Vec<&str> = match is_list {
        true => {
            values.iter().flat_map(|value| value.split(',')).filter(|text| !text.trim().is_empty()).collect()
        }
        false => values.iter().map(String::as_str).collect(),
    };
    texts.into_iter().map(|text| Given { text: text.trim().to_owned(), place: place.clone() }).collect()
}
