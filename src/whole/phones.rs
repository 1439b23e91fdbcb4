//! baresip as a second, real phone: what it records is taken apart as what our own callers hear is.

use crate::hearing::{RATE, Samples, lag};
use crate::listening::{Expected, Found, listen};
use crate::scene::ROUTES;
use crate::server::{RtpPorts, Server};
use crate::speech::{read_wav, speeches, write_speech};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

/// A phone in a call of some seconds.
struct Phone {
    child: Child,
    folder: PathBuf,
    _ports: RtpPorts,
}

impl Phone {
    fn calls(server: &Server, folder: &Path, number: usize, codec: &str, seconds: u32) -> Phone {
        let folder = folder.join(format!("phone{number}"));
        std::fs::create_dir(&folder).expect("a folder");
        let speech = folder.join("speech.wav");
        write_speech(number, &speech);
        let ports = RtpPorts::claim();
        let child = Command::new(format!("{}/scripts/lib/phone", env!("CARGO_MANIFEST_DIR")))
            .arg(&folder)
            .arg(ports.sip().to_string())
            .arg(&speech)
            .args([format!("sip:room-phones@{}", server.sip), seconds.to_string()])
            .envs([("PHONE_CODEC", codec), ("PHONE_RTP_PORTS", &ports.pairs(4))])
            .spawn()
            .expect("scripts/lib/phone runs");
        Phone { child, folder, _ports: ports }
    }

    /// What it has recorded by the end of its call, at 8 kHz.
    fn recorded(mut self, server: &Server) -> Samples {
        self.child.wait().expect("a child of ours");
        let mut files =
            std::fs::read_dir(&self.folder).expect("a folder").flatten().map(|entry| entry.path());
        let Some(file) = files.find(|path| path.to_string_lossy().ends_with("dec.wav")) else {
            let log = std::fs::read_to_string(self.folder.join("log")).unwrap_or_default();
            panic!("nothing recorded:\n{log}\n{}", server.log());
        };
        let narrow = self.folder.join("heard.wav");
        let sox = Command::new("sox").arg(&file).args(["-r", "8000", "-c", "1"]).arg(&narrow).status();
        assert!(sox.is_ok_and(|status| status.success()), "sox reads {}", file.display());
        read_wav(&narrow)
    }
}

impl Drop for Phone {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Takes apart what a phone heard.
fn analyse(heard: &[f32], others: &[usize]) -> Found {
    let from = 2 * RATE;
    assert!(heard.len() > from + 4 * RATE, "{} samples heard", heard.len());
    let expected: Vec<Expected> = others
        .iter()
        .map(|other| {
            let speech = speeches()[*other].clone();
            let begins = from + lag(&heard[from..], &speech);
            let position = (from + speech.len() * 2 - begins) % speech.len() + 100;
            Expected { speech, position, max_delay: 200 }
        })
        .collect();
    // The last second may have lost the others, who hang up by themselves.
    listen(&heard[..heard.len() - 2 * RATE], from, &expected)
}

#[test]
fn three_phones_hear_each_other_and_not_themselves() {
    let server = Server::with(ROUTES);
    let folder = tempfile::tempdir().expect("a folder");
    let phones = [0, 1, 2].map(|number| Phone::calls(&server, folder.path(), number, "g711", 14));
    let heard = phones.map(|phone| phone.recorded(&server));
    for (who, heard) in heard.iter().enumerate() {
        let others: Vec<usize> = (0..3).filter(|other| *other != who).collect();
        let found = analyse(heard, &others);
        let tell = || format!("{who} hearing {others:?}: {found:?}\n{}", server.log());
        assert!(found.levels_db.iter().all(|level| level.abs() < 1.0), "levels: {}", tell());
        assert!(found.rest_db < -25.0, "something else is heard: {}", tell());
        let wrong: usize = found.wrong.iter().map(|(begin, end)| end - begin).sum();
        assert!(wrong <= RATE / 25, "holes: {}", tell());
    }
}

#[test]
fn a_phone_with_opus_and_one_with_g711_hear_each_other() {
    let server = Server::with(ROUTES);
    let folder = tempfile::tempdir().expect("a folder");
    let phones = [(0, "opus"), (1, "g711")]
        .map(|(number, codec)| Phone::calls(&server, folder.path(), number, codec, 14));
    let heard = phones.map(|phone| phone.recorded(&server));
    for (who, heard) in heard.iter().enumerate() {
        let found = analyse(heard, &[1 - who]);
        // Opus does not keep the waveform; most of it must be there all the same.
        assert!(found.levels_db[0].abs() < 2.0 && found.rest_db < -6.0, "{who}: {found:?}\n{}", server.log());
    }
}
