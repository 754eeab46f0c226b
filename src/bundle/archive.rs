//! Packs the zip file: `bootstrap`, and optionally certificates and pins. The same input always
//! gives the same bytes.

use std::collections::BTreeMap;
use std::io::{Cursor, Read, Write};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, System, ZipArchive, ZipWriter};

use super::authorities::{self, Authorities};
use super::digest::{sha256_base64, sha256_hex};
use super::elf;
use super::fault::{Machine, PackageFault, Refused};
use super::pinned::Pinned;

/// The name of the executable that the `provided` runtimes start.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html>
const BOOTSTRAP: &str = "bootstrap";

/// The folder of the pins files.
const PINS: &str = "pins/";

/// The maximum size of a zip file for Lambda, in bytes.
///
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
const ZIP_LIMIT: u64 = 50 * 1024 * 1024;

/// The maximum size of the unpacked content, in bytes (same page).
const CONTENT_LIMIT: u64 = 250 * 1024 * 1024;

/// Part of what determines the bytes. If it changes, every stack uploads its function again.
const COMPRESSION_LEVEL: i64 = 9;

/// The permissions of the executable.
const EXECUTABLE: u32 = 0o755;

/// The permissions of all other files.
const ORDINARY: u32 = 0o644;

/// A deployment package that Lambda can run.
#[derive(Clone, PartialEq, Eq)]
pub struct Bundle {
    zip: Vec<u8>,
    machine: Machine,
}

impl std::fmt::Debug for Bundle {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Bundle")
            .field("bytes", &self.zip.len())
            .field("machine", &self.machine)
            .finish()
    }
}

impl Bundle {
    /// The maximum size of a zip file, in bytes. The rest of a larger one is not needed to refuse it.
    pub const MOST_BYTES: u64 = ZIP_LIMIT;

    /// Packs an executable for a machine. The bytes depend only on the executable.
    ///
    /// # Errors
    ///
    /// Returns every reason why Lambda would not run it.
    pub fn pack(executable: &[u8], machine: Machine) -> Result<Self, Refused> {
        Self::pack_with(executable, &[], machine)
    }

    /// Packs an executable and the certificates by which it verifies servers. Their order does
    /// not matter, and only one file of each name is kept.
    ///
    /// # Errors
    ///
    /// Returns every reason why Lambda would not run it.
    pub fn pack_with(
        executable: &[u8],
        authorities: &[Authorities],
        machine: Machine,
    ) -> Result<Self, Refused> {
        let mut faults = elf::faults(executable, machine);
        if length(executable) > CONTENT_LIMIT {
            faults.push(PackageFault::ContentTooLarge {
                limit: CONTENT_LIMIT,
            });
        }
        Refused::unless_empty(faults)?;
        let files = authorities
            .iter()
            .map(|file| (authorities::path(&file.name), file.pem.as_slice()));
        let zip = compress(executable, files.collect())
            .map_err(|error| PackageFault::NotZip(error.to_string()))?;
        Refused::unless_empty(zip_too_large(&zip, ZIP_LIMIT).into_iter().collect())?;
        Ok(Self { zip, machine })
    }

    /// Returns the package with these pins files instead of any others.
    ///
    /// # Errors
    ///
    /// Fails if it cannot be packed again, for example because it is too large.
    pub fn pinned(&self, pins: &[Pinned]) -> Result<Self, Refused> {
        let zip = pin(&self.zip, pins).map_err(|error| PackageFault::NotZip(error.to_string()))?;
        Refused::unless_empty(zip_too_large(&zip, ZIP_LIMIT).into_iter().collect())?;
        let machine = self.machine;
        Ok(Self { zip, machine })
    }

    /// Returns the SHA-256 of the executable in hexadecimal digits. Unlike that of the zip
    /// file, it does not depend on the manifest.
    pub fn executable_sha256(&self) -> String {
        let mut files = files(&self.zip).unwrap_or_default();
        sha256_hex(&files.remove(BOOTSTRAP).unwrap_or_default())
    }

    /// Returns those of these marks that the executable contains.
    pub fn marks<'mark>(&self, marks: &[&'mark str]) -> Vec<&'mark str> {
        let files = files(&self.zip).unwrap_or_default();
        let executable = files.get(BOOTSTRAP).map_or(&[][..], Vec::as_slice);
        let marks = marks.iter().copied();
        let is_held = |mark: &&str| memchr::memmem::find(executable, mark.as_bytes()).is_some();
        marks.filter(is_held).collect()
    }

    /// Checks an existing zip file, and keeps its bytes.
    ///
    /// # Errors
    ///
    /// Returns every reason why Lambda would not run it on the machine.
    pub fn inspect(zip: Vec<u8>, machine: Machine) -> Result<Self, Refused> {
        Self::inspect_with(zip, &[], machine)
    }

    /// Checks an existing zip file that must contain certificates of these names.
    ///
    /// # Errors
    ///
    /// Returns every reason why Lambda would not run it on the machine, and which certificates
    /// are missing.
    pub fn inspect_with(
        zip: Vec<u8>,
        authorities: &[String],
        machine: Machine,
    ) -> Result<Self, Refused> {
        let limits = Limits {
            zip: ZIP_LIMIT,
            content: CONTENT_LIMIT,
        };
        let mut faults = zip_faults(&zip, machine, limits);
        if let Ok(archive) = ZipArchive::new(Cursor::new(&zip)) {
            let paths = authorities.iter().map(|name| authorities::path(name));
            let lacking = paths.filter(|path| archive.index_for_name(path).is_none());
            faults.extend(lacking.map(PackageFault::NoAuthorities));
        }
        Refused::unless_empty(faults)?;
        Ok(Self { zip, machine })
    }

    /// Returns the bytes of the zip file.
    pub fn bytes(&self) -> &[u8] {
        &self.zip
    }

    /// Returns the machine that it runs on.
    pub const fn machine(&self) -> Machine {
        self.machine
    }

    /// Returns the SHA-256 of the zip file in hexadecimal digits: its name in the artifact
    /// bucket.
    pub fn sha256_hex(&self) -> String {
        sha256_hex(&self.zip)
    }

    /// Returns the value that Lambda reports as the function's `CodeSha256`.
    pub fn code_sha256(&self) -> String {
        sha256_base64(&self.zip)
    }
}

/// The maximum sizes of a package, in bytes.
#[derive(Clone, Copy)]
struct Limits {
    zip: u64,
    content: u64,
}

/// Returns the files in a checked zip file, by path.
fn files(zip: &[u8]) -> zip::result::ZipResult<BTreeMap<String, Vec<u8>>> {
    let mut archive = ZipArchive::new(Cursor::new(zip))?;
    let mut files = BTreeMap::new();
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index)?;
        if entry.is_file() {
            let name = entry.name()?.into_owned();
            let mut content = Vec::new();
            entry.read_to_end(&mut content)?;
            files.insert(name, content);
        }
    }
    Ok(files)
}

fn compress(executable: &[u8], files: BTreeMap<String, &[u8]>) -> zip::result::ZipResult<Vec<u8>> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    writer.start_file(BOOTSTRAP, options(EXECUTABLE))?;
    writer.write_all(executable)?;
    for (path, content) in files {
        writer.start_file(path, options(ORDINARY))?;
        writer.write_all(content)?;
    }
    Ok(writer.finish()?.into_inner())
}

/// Returns a checked zip file with these pins files instead of any others. The other files stay
/// compressed as they are: to compress the executable takes longer than everything else here.
fn pin(zip: &[u8], pins: &[Pinned]) -> zip::result::ZipResult<Vec<u8>> {
    let mut archive = ZipArchive::new(Cursor::new(zip))?;
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for index in 0..archive.len() {
        let entry = archive.by_index_raw(index)?;
        let mode = match entry.name()? {
            name if name == BOOTSTRAP => EXECUTABLE,
            name if name.starts_with(PINS) || !entry.is_file() => continue,
            _ => ORDINARY,
        };
        writer.raw_copy_file_touch(entry, DateTime::DEFAULT, Some(mode))?;
    }
    let pins: BTreeMap<&str, &str> = pins.iter().map(|it| (&*it.path, &*it.text)).collect();
    for (path, text) in pins {
        writer.start_file(path, options(ORDINARY))?;
        writer.write_all(text.as_bytes())?;
    }
    Ok(writer.finish()?.into_inner())
}

fn options(mode: u32) -> SimpleFileOptions {
    SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(COMPRESSION_LEVEL))
        .last_modified_time(DateTime::DEFAULT)
        .system(System::Unix)
        .unix_permissions(mode)
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

fn zip_too_large(zip: &[u8], limit: u64) -> Option<PackageFault> {
    (length(zip) > limit).then_some(PackageFault::ZipTooLarge { limit })
}

fn zip_faults(zip: &[u8], machine: Machine, limits: Limits) -> Vec<PackageFault> {
    // Of a file that is too large, the rest may not have been read.
    if let Some(fault) = zip_too_large(zip, limits.zip) {
        return vec![fault];
    }
    let mut faults = Vec::new();
    if let Err(error) = collect(zip, machine, limits, &mut faults) {
        faults.push(PackageFault::NotZip(error.to_string()));
    }
    faults
}

/// Adds the faults of the zip file's entries. The sizes are counted while unpacking, because an
/// entry can be larger than its header says.
fn collect(
    zip: &[u8],
    machine: Machine,
    limits: Limits,
    faults: &mut Vec<PackageFault>,
) -> zip::result::ZipResult<()> {
    let mut archive = ZipArchive::new(Cursor::new(zip))?;
    if archive.has_duplicate_names() {
        faults.push(PackageFault::Duplicate);
    }
    let mut left = limits.content;
    let mut seen = false;
    let mut elsewhere = None;
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index)?;
        let name = entry.name()?.into_owned();
        let is_bootstrap = name == BOOTSTRAP;
        if is_bootstrap {
            seen = true;
            if !entry.is_file() {
                faults.push(PackageFault::NotFile);
            } else if !entry.unix_mode().is_some_and(runs) {
                faults.push(PackageFault::Mode(entry.unix_mode()));
            }
        } else if name.trim_end_matches('/').ends_with("/bootstrap") {
            elsewhere = Some(name);
        }
        let mut content = Vec::new();
        let mut limited = (&mut entry).take(left.saturating_add(1));
        let size = if is_bootstrap {
            limited.read_to_end(&mut content)?;
            length(&content)
        } else {
            std::io::copy(&mut limited, &mut std::io::sink())?
        };
        if size > left {
            faults.push(PackageFault::ContentTooLarge {
                limit: limits.content,
            });
            return Ok(());
        }
        left -= size;
        if is_bootstrap && !faults.contains(&PackageFault::NotFile) {
            faults.extend(elf::faults(&content, machine));
        }
    }
    if !seen {
        faults.push(PackageFault::NoBootstrap { found: elsewhere });
    }
    Ok(())
}

/// Returns whether a mode lets Lambda's user, who does not own the file, read and execute it.
///
/// Source: <https://repost.aws/knowledge-center/lambda-deployment-package-errors>
const fn runs(mode: u32) -> bool {
    mode & 0o005 == 0o005
}

#[cfg(test)]
mod tests {
    use super::super::sample::Sample;
    use super::*;

    fn zip_of(entries: &[(&str, u32, &[u8])]) -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, mode, content) in entries {
            let options = SimpleFileOptions::default().unix_permissions(*mode);
            writer.start_file(*name, options).unwrap();
            writer.write_all(content).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    #[track_caller]
    fn check_zip(zip: Vec<u8>, expected: &[PackageFault]) {
        let refused = Bundle::inspect(zip, Machine::X86_64).unwrap_err();
        assert_eq!(refused.faults(), expected);
    }

    #[test]
    fn packing_is_deterministic_and_passes_its_own_inspection() {
        let executable = Sample::default().bytes();
        let bundle = Bundle::pack(&executable, Machine::X86_64).unwrap();
        let again = Bundle::pack(&executable, Machine::X86_64).unwrap();
        assert_eq!(bundle, again);
        let inspected = Bundle::inspect(bundle.bytes().to_vec(), Machine::X86_64).unwrap();
        assert_eq!(inspected, bundle);

        let mut archive = ZipArchive::new(Cursor::new(bundle.bytes())).unwrap();
        assert_eq!(archive.len(), 1);
        let mut entry = archive.by_name("bootstrap").unwrap();
        assert_eq!(entry.unix_mode(), Some(0o100_755));
        assert_eq!(entry.last_modified(), Some(DateTime::DEFAULT));
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        assert_eq!(content, executable);
    }

    /// These bytes determine whether a deployed function is up to date. If they change, every
    /// stack uploads its function again.
    #[test]
    fn packing_gives_the_bytes_it_always_gave() {
        let bundle = Bundle::pack(&Sample::default().bytes(), Machine::X86_64).unwrap();
        insta::assert_snapshot!(bundle.sha256_hex(), @"a7c131ce148a9e723d97e56d51d935dbf478d93e10ff4672b304c3933c78a01b");
        insta::assert_snapshot!(bundle.code_sha256(), @"p8ExzhSKnnI9l+VtUdk12/R42T4Q/0ZyswTDkzx4oBs=");
    }

    /// The manifest changes the pins, but not the executable.
    #[test]
    fn pins_are_packed_beside_it_in_the_place_of_others() {
        let pins = |text: &str| Pinned {
            path: format!("pins/{}.json", sha256_hex(text.as_bytes())),
            text: text.to_owned(),
        };
        let executable = Sample::default().bytes();
        let file = Authorities {
            name: "a.pem".to_owned(),
            pem: b"a".to_vec(),
        };
        let bundle = Bundle::pack_with(&executable, &[file], Machine::X86_64).unwrap();
        let one = bundle.pinned(&[pins("one")]).unwrap();
        let two = one.pinned(&[pins("two")]).unwrap();
        assert_eq!(two, bundle.pinned(&[pins("two")]).unwrap());
        assert_ne!(one.sha256_hex(), two.sha256_hex());
        assert_eq!(two.pinned(&[]).unwrap(), bundle);
        let held = files(two.bytes()).unwrap();
        let paths: Vec<&str> = held.keys().map(String::as_str).collect();
        assert_eq!(paths, ["bootstrap", &pins("two").path, "tls/a.pem"]);
        assert_eq!(held[&pins("two").path], b"two");
        for bundle in [&bundle, &one, &two] {
            assert_eq!(bundle.executable_sha256(), sha256_hex(&executable));
            assert_eq!(bundle.machine(), Machine::X86_64);
            let zip = bundle.bytes().to_vec();
            assert_eq!(&Bundle::inspect(zip, Machine::X86_64).unwrap(), bundle);
        }
    }

    #[test]
    fn a_mark_in_the_executable_is_found_and_one_beside_it_is_not() {
        let mut executable = Sample::default().bytes();
        executable.extend(b"..mark-a;..");
        let file = Authorities {
            name: "a.pem".to_owned(),
            pem: b"mark-b;".to_vec(),
        };
        let bundle = Bundle::pack_with(&executable, &[file], Machine::X86_64).unwrap();
        assert_eq!(bundle.marks(&["mark-b;", "mark-a;"]), ["mark-a;"]);
        let unmarked = Bundle::pack(&Sample::default().bytes(), Machine::X86_64).unwrap();
        assert!(unmarked.marks(&["mark-a;"]).is_empty());
    }

    #[test]
    fn certificates_are_packed_beside_it_in_an_order_of_their_own() {
        let executable = Sample::default().bytes();
        let file = |name: &str| Authorities {
            name: name.to_owned(),
            pem: name.as_bytes().to_vec(),
        };
        let pack =
            |files: &[Authorities]| Bundle::pack_with(&executable, files, Machine::X86_64).unwrap();
        let bundle = pack(&[file("b.pem"), file("a.pem")]);
        assert_eq!(bundle, pack(&[file("a.pem"), file("b.pem"), file("a.pem")]));
        assert_eq!(
            pack(&[]),
            Bundle::pack(&executable, Machine::X86_64).unwrap()
        );
        let mut archive = ZipArchive::new(Cursor::new(bundle.bytes())).unwrap();
        let names: Vec<String> = archive
            .file_names()
            .map(|name| name.unwrap().into_owned())
            .collect();
        assert_eq!(names, ["bootstrap", "tls/a.pem", "tls/b.pem"]);
        let entry = archive.by_name("tls/a.pem").unwrap();
        assert_eq!(entry.unix_mode(), Some(0o100_644));
        drop(entry);

        let inspect = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            Bundle::inspect_with(bundle.bytes().to_vec(), &names, Machine::X86_64)
        };
        assert_eq!(inspect(&["a.pem", "b.pem"]).unwrap(), bundle);
        let refused = inspect(&["a.pem", "c.pem"]).unwrap_err();
        insta::assert_snapshot!(refused, @"the package does not contain the file `tls/c.pem` with certificates that the manifest names");
    }

    #[test]
    fn an_unfit_executable_is_not_packed() {
        let refused = Bundle::pack(&Sample::default().bytes(), Machine::Aarch64).unwrap_err();
        insta::assert_snapshot!(refused, @"the program is built for x86_64, but the function's architecture is arm64 (aarch64)");
        insta::assert_snapshot!(refused.hint().unwrap(), @"build for the architecture that the manifest names under `function`, or change it there");
    }

    #[test]
    fn a_zip_for_another_architecture_is_refused() {
        let other = Sample {
            machine: Machine::Aarch64,
            ..Sample::default()
        };
        let zip = Bundle::pack(&other.bytes(), Machine::Aarch64).unwrap();
        check_zip(
            zip.bytes().to_vec(),
            &[PackageFault::OtherMachine {
                found: "arm64 (aarch64)".to_owned(),
                asked: Machine::X86_64,
            }],
        );
    }

    #[test]
    fn a_zip_may_bring_other_files() {
        let executable = Sample::default().bytes();
        let zip = zip_of(&[
            ("certs/ca.pem", 0o644, b"-"),
            ("bootstrap", 0o755, &executable),
        ]);
        assert_eq!(
            Bundle::inspect(zip.clone(), Machine::X86_64)
                .unwrap()
                .bytes(),
            zip
        );
    }

    #[test]
    fn a_zip_without_a_bootstrap_at_its_root_is_refused() {
        let executable = Sample::default().bytes();
        check_zip(
            zip_of(&[("package/bootstrap", 0o755, &executable)]),
            &[PackageFault::NoBootstrap {
                found: Some("package/bootstrap".to_owned()),
            }],
        );
        check_zip(zip_of(&[]), &[PackageFault::NoBootstrap { found: None }]);
    }

    #[test]
    fn a_bootstrap_that_lambda_cannot_run_is_refused_for_every_reason() {
        check_zip(
            zip_of(&[("bootstrap", 0o744, b"#!/bin/sh\n")]),
            &[PackageFault::Mode(Some(0o100_744)), PackageFault::NotElf],
        );
    }

    #[test]
    fn a_directory_or_a_link_in_the_place_of_the_bootstrap_is_refused() {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        writer
            .add_symlink("bootstrap", "elsewhere", SimpleFileOptions::default())
            .unwrap();
        check_zip(
            writer.finish().unwrap().into_inner(),
            &[PackageFault::NotFile],
        );

        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        writer
            .add_directory("package/bootstrap", SimpleFileOptions::default())
            .unwrap();
        check_zip(
            writer.finish().unwrap().into_inner(),
            &[PackageFault::NoBootstrap {
                found: Some("package/bootstrap/".to_owned()),
            }],
        );
    }

    #[test]
    fn what_is_no_zip_is_refused() {
        let executable = Sample::default().bytes();
        let whole = zip_of(&[("bootstrap", 0o755, &executable)]);
        for bytes in [
            Vec::new(),
            b"PK\x03\x04".to_vec(),
            executable,
            whole[..whole.len() / 2].to_vec(),
        ] {
            let refused = Bundle::inspect(bytes, Machine::X86_64).unwrap_err();
            assert!(
                matches!(refused.faults(), [PackageFault::NotZip(_)]),
                "{refused:?}"
            );
        }
        let mut altered = whole;
        altered[60] ^= 0xff;
        let refused = Bundle::inspect(altered, Machine::X86_64).unwrap_err();
        assert!(
            matches!(refused.faults(), [PackageFault::NotZip(_)]),
            "{refused:?}"
        );
    }

    #[test]
    fn the_limits_count_what_is_there() {
        let executable = Sample::default().bytes();
        let zip = zip_of(&[
            ("bootstrap", 0o755, &executable),
            ("more", 0o644, &[0; 1000]),
        ]);
        let content = length(&executable) + 1000;
        let fits = Limits {
            zip: length(&zip),
            content,
        };
        assert_eq!(zip_faults(&zip, Machine::X86_64, fits), []);
        let limit = content - 1;
        let short = Limits {
            content: limit,
            ..fits
        };
        assert_eq!(
            zip_faults(&zip, Machine::X86_64, short),
            [PackageFault::ContentTooLarge { limit }]
        );
        // The rest of such a file need not be there.
        let limit = fits.zip - 1;
        let short = Limits { zip: limit, ..fits };
        for zip in [&zip[..], &[0].repeat(zip.len())] {
            assert_eq!(
                zip_faults(zip, Machine::X86_64, short),
                [PackageFault::ZipTooLarge { limit }]
            );
        }
    }
}
