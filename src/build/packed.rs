//! The functions' source in a program that was installed from a crate.
//!
//! Cargo packs no crate inside another one, so `release/crate` puts the functions' workspace into
//! the program's crate as a zip file, and `build.rs` compiles that into the program. It is unpacked
//! in the user's cache when a function is first built, and cargo's target directory is beside it.

use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use zip::ZipArchive;

use super::Error;
use crate::bundle::sha256_hex;

/// The source, if this program was built from a crate.
pub static PACKED: Option<&[u8]> = include!(concat!(env!("OUT_DIR"), "/source.rs"));

/// Unpacks the source in a cache folder, unless it is there already, and returns its folder. The
/// folder's name is a digest of the content, and the folder is renamed into place, so it is
/// complete even if other processes start at the same time.
///
/// # Errors
///
/// Fails if the files cannot be written.
pub fn unpack(zip: &[u8], cache: &Path) -> Result<PathBuf, Error> {
    let folder = cache.join(format!("source-{}", &sha256_hex(zip)[..16]));
    if folder.exists() {
        return Ok(folder);
    }
    static DRAFTS: AtomicU32 = AtomicU32::new(0);
    let number = DRAFTS.fetch_add(1, Ordering::Relaxed);
    let draft = folder.with_extension(format!("{}-{number}", std::process::id()));
    let failed = |error: String| Error::Unpack {
        folder: folder.clone(),
        error,
    };
    let mut archive =
        ZipArchive::new(Cursor::new(zip)).map_err(|error| failed(error.to_string()))?;
    fs::create_dir_all(&draft).map_err(|error| failed(error.to_string()))?;
    archive
        .extract(&draft)
        .map_err(|error| failed(error.to_string()))?;
    match fs::rename(&draft, &folder) {
        // Another thread or process has unpacked it.
        Err(_) if folder.exists() => fs::remove_dir_all(&draft),
        renamed => renamed,
    }
    .map_err(|error| failed(error.to_string()))?;
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    #[test]
    fn the_source_is_unpacked_whole_and_once() {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        writer
            .start_file("lambda/Cargo.toml", SimpleFileOptions::default())
            .unwrap();
        writer.write_all(b"[package]").unwrap();
        let zip = writer.finish().unwrap().into_inner();
        let cache = tempfile::tempdir().unwrap();
        let folder = unpack(&zip, cache.path()).unwrap();
        let manifest = folder.join("lambda/Cargo.toml");
        assert_eq!(fs::metadata(&manifest).unwrap().len(), 9);
        fs::remove_file(&manifest).unwrap();
        assert_eq!(unpack(&zip, cache.path()).unwrap(), folder);
        assert!(!manifest.exists());
        assert_eq!(fs::read_dir(cache.path()).unwrap().count(), 1);
        let error = unpack(b"no archive", cache.path()).unwrap_err();
        let text = error.to_string();
        assert!(
            text.starts_with("cannot unpack the functions' source in "),
            "{text}"
        );
    }
}
