//! Whether an executable can run on Lambda's `provided.al2023`.
//!
//! What counts is what the dynamic linker will look at, so everything is read
//! by way of the program headers: section headers may be stripped, and nothing
//! loads by them.

use std::collections::BTreeSet;

use object::LittleEndian;
use object::elf::{
    DF_1_PIE, DT_FLAGS_1, DT_NEEDED, DT_NULL, DT_STRSZ, DT_STRTAB, DT_VERNEED, DT_VERNEEDNUM,
    DynamicTag, ELFMAG, EM_386, EM_AARCH64, EM_ARM, EM_RISCV, EM_X86_64, ET_CORE, ET_DYN, ET_EXEC,
    ET_REL, FileHeader64, PT_LOAD, ProgramHeader64, VER_FLG_WEAK, Vernaux, Verneed,
};
use object::pod;
use object::read::elf::{Dyn as _, FileHeader as _, ProgramHeader as _};

use super::fault::{Machine, PackageFault, Refused, Version};

/// The C library of Amazon Linux 2023.
///
/// Source: <https://docs.aws.amazon.com/linux/al2023/ug/compare-with-al2.html>
pub const NEWEST_GLIBC: &str = "2.34";

/// The release of GCC that Amazon Linux 2023's `libgcc_s` is from.
const NEWEST_GCC: &str = "11.5";

/// What a `provided.al2023` execution environment has, of what Rust links to.
const LIBRARIES: [&str; 9] = [
    "libc.so.6",
    "libm.so.6",
    "libgcc_s.so.1",
    "libpthread.so.0",
    "libdl.so.2",
    "librt.so.1",
    "libutil.so.1",
    "ld-linux-x86-64.so.2",
    "ld-linux-aarch64.so.1",
];

const LITTLE: LittleEndian = LittleEndian;

/// Checks that Lambda can run an executable on a machine.
///
/// # Errors
///
/// Returns every fault that was found.
pub fn check(executable: &[u8], machine: Machine) -> Result<(), Refused> {
    Refused::unless_empty(faults(executable, machine))
}

/// Returns every fault of an executable.
pub(super) fn faults(executable: &[u8], machine: Machine) -> Vec<PackageFault> {
    let mut faults = Vec::new();
    if let Err(fault) = collect(executable, machine, &mut faults) {
        faults.push(fault);
    }
    faults
}

/// Adds what is wrong; the error is a fault after which there is nothing more
/// to be read.
fn collect(
    data: &[u8],
    machine: Machine,
    faults: &mut Vec<PackageFault>,
) -> Result<(), PackageFault> {
    if !data.starts_with(&ELFMAG) {
        return Err(PackageFault::NotElf);
    }
    // The class is the fifth byte and the byte order the sixth; a 32-bit header
    // is shorter, so they are looked at before the header is.
    if let [_, _, _, _, class, order, ..] = data
        && (*class, *order) != (2, 1)
    {
        return Err(PackageFault::NotSixtyFourBit);
    }
    let header = FileHeader64::<LittleEndian>::parse(data).map_err(damaged)?;
    let found = header.e_machine(LITTLE);
    let (wanted, expected) = match machine {
        Machine::X86_64 => (EM_X86_64, "/lib64/ld-linux-x86-64.so.2"),
        Machine::Aarch64 => (EM_AARCH64, "/lib/ld-linux-aarch64.so.1"),
    };
    if found != wanted {
        faults.push(PackageFault::OtherMachine {
            found: match found {
                EM_X86_64 => Machine::X86_64.to_string(),
                EM_AARCH64 => Machine::Aarch64.to_string(),
                EM_386 => "32-bit x86".to_owned(),
                EM_ARM => "32-bit Arm".to_owned(),
                EM_RISCV => "RISC-V".to_owned(),
                other => format!("the ELF machine {}", other.0),
            },
            asked: machine,
        });
    }
    let image = Image::new(data, header)?;
    if let Some(kind) = image.kind_other_than_executable(header) {
        return Err(PackageFault::NotExecutable { found: kind });
    }
    // Another machine's dynamic linker says nothing that its name did not.
    if let Some(interpreter) = &image.interpreter
        && interpreter != expected
        && found == wanted
    {
        faults.push(PackageFault::Interpreter {
            found: interpreter.clone(),
            expected,
        });
    }
    for library in image.libraries()? {
        if !LIBRARIES.contains(&library.as_str()) {
            faults.push(PackageFault::Library(library));
        }
    }
    for (library, version) in image.versions()? {
        if let Some(newest) = newest_instead(&version) {
            faults.push(PackageFault::SymbolVersion {
                library,
                version,
                newest,
            });
        }
    }
    Ok(())
}

/// Returns the newest version that the runtime's library defines, where the
/// version asked for is not one of them.
///
/// `GLIBC_PRIVATE` ties a program to one build of glibc, and the markers
/// `GLIBC_ABI_…` came after 2.34; so what has no number is refused too.
fn newest_instead(version: &str) -> Option<String> {
    let (family, number) = version.split_once('_')?;
    let newest = match family {
        "GLIBC" => NEWEST_GLIBC,
        "GCC" => NEWEST_GCC,
        _ => return None,
    };
    let within = Version::parse(number).is_some_and(|asked| Some(asked) <= Version::parse(newest));
    (!within).then(|| format!("{family}_{newest}"))
}

fn damaged(error: object::read::Error) -> PackageFault {
    PackageFault::Damaged(error.to_string())
}

/// The parts of an executable that the dynamic linker looks at.
struct Image<'data> {
    data: &'data [u8],
    segments: &'data [ProgramHeader64<LittleEndian>],
    dynamic: Vec<(DynamicTag, u64)>,
    interpreter: Option<String>,
}

impl<'data> Image<'data> {
    fn new(data: &'data [u8], header: &FileHeader64<LittleEndian>) -> Result<Self, PackageFault> {
        let segments = header.program_headers(LITTLE, data).map_err(damaged)?;
        let mut image = Self {
            data,
            segments,
            dynamic: Vec::new(),
            interpreter: None,
        };
        for segment in segments {
            if segment.p_type(LITTLE) == PT_LOAD && segment.data(LITTLE, data).is_err() {
                return Err(PackageFault::Damaged(
                    "a segment extends past the end of the file".to_owned(),
                ));
            }
            if let Some(path) = segment.interpreter(LITTLE, data).map_err(damaged)? {
                image.interpreter = Some(text(path));
            }
            if let Some(entries) = segment.dynamic(LITTLE, data).map_err(damaged)? {
                image.dynamic = entries
                    .iter()
                    .map(|entry| (entry.d_tag(LITTLE), entry.d_val(LITTLE)))
                    .take_while(|(tag, _)| *tag != DT_NULL)
                    .collect();
            }
        }
        Ok(image)
    }

    /// Returns what the file is, unless it is an executable.
    ///
    /// A position-independent executable has the type of a shared library. It
    /// has an interpreter, or is linked statically and says so in a flag.
    fn kind_other_than_executable(
        &self,
        header: &FileHeader64<LittleEndian>,
    ) -> Option<&'static str> {
        let kind = header.e_type(LITTLE);
        let position_independent =
            self.interpreter.is_some() || DF_1_PIE.0 & self.value(DT_FLAGS_1).unwrap_or(0) != 0;
        match kind {
            ET_EXEC => None,
            ET_DYN if position_independent => None,
            ET_DYN => Some("a shared library"),
            ET_REL => Some("an object file"),
            ET_CORE => Some("a core dump"),
            _ => Some("an ELF file of an unknown type"),
        }
    }

    fn value(&self, tag: DynamicTag) -> Option<u64> {
        let entry = self.dynamic.iter().find(|(found, _)| *found == tag)?;
        Some(entry.1)
    }

    /// Returns the file's bytes from a virtual address to its segment's end.
    fn at(&self, address: u64) -> Result<&'data [u8], PackageFault> {
        self.segments
            .iter()
            .filter(|segment| segment.p_type(LITTLE) == PT_LOAD)
            .find_map(|segment| {
                let offset = address.checked_sub(segment.p_vaddr(LITTLE))?;
                let bytes = segment.data(LITTLE, self.data).ok()?;
                bytes.get(usize::try_from(offset).ok()?..)
            })
            .filter(|bytes| !bytes.is_empty())
            .ok_or_else(|| PackageFault::Damaged(format!("nothing is loaded at {address:#x}")))
    }

    /// Returns a string of the dynamic string table.
    fn string(&self, offset: u64) -> Result<String, PackageFault> {
        let missing = || PackageFault::Damaged("a name is outside the string table".to_owned());
        let table = self.at(self.value(DT_STRTAB).ok_or_else(missing)?)?;
        let size = usize::try_from(self.value(DT_STRSZ).ok_or_else(missing)?).unwrap_or(usize::MAX);
        let table = table.get(..size).ok_or_else(missing)?;
        let name = usize::try_from(offset)
            .ok()
            .and_then(|offset| table.get(offset..))
            .ok_or_else(missing)?;
        let end = name
            .iter()
            .position(|byte| *byte == 0)
            .ok_or_else(missing)?;
        Ok(text(&name[..end]))
    }

    /// Returns the shared libraries that are loaded with the program.
    fn libraries(&self) -> Result<Vec<String>, PackageFault> {
        self.dynamic
            .iter()
            .filter(|(tag, _)| *tag == DT_NEEDED)
            .map(|(_, offset)| self.string(*offset))
            .collect()
    }

    /// Returns each library and symbol version asked of it, in order, once.
    fn versions(&self) -> Result<BTreeSet<(String, String)>, PackageFault> {
        let mut versions = BTreeSet::new();
        let Some(address) = self.value(DT_VERNEED) else {
            return Ok(versions);
        };
        let mut bytes = self.at(address)?;
        for _ in 0..self.value(DT_VERNEEDNUM).unwrap_or(0) {
            let need: &Verneed<LittleEndian> = read(bytes)?;
            let library = self.string(need.vn_file.get(LITTLE).into())?;
            let mut entries = skip(bytes, need.vn_aux.get(LITTLE))?;
            for _ in 0..need.vn_cnt.get(LITTLE) {
                let entry: &Vernaux<LittleEndian> = read(entries)?;
                // The dynamic linker lets a weak version be missing.
                if !entry.vna_flags.get(LITTLE).contains(VER_FLG_WEAK) {
                    let version = self.string(entry.vna_name.get(LITTLE).into())?;
                    versions.insert((library.clone(), version));
                }
                match entry.vna_next.get(LITTLE) {
                    0 => break,
                    next => entries = skip(entries, next)?,
                }
            }
            match need.vn_next.get(LITTLE) {
                0 => break,
                next => bytes = skip(bytes, next)?,
            }
        }
        Ok(versions)
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn read<T: pod::Pod>(bytes: &[u8]) -> Result<&T, PackageFault> {
    let (value, _) = pod::from_bytes(bytes).map_err(|()| short())?;
    Ok(value)
}

fn skip(bytes: &[u8], count: u32) -> Result<&[u8], PackageFault> {
    usize::try_from(count)
        .ok()
        .and_then(|count| bytes.get(count..))
        .ok_or_else(short)
}

fn short() -> PackageFault {
    PackageFault::Damaged("the table of symbol versions is truncated".to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::sample::Sample;
    use super::*;

    #[track_caller]
    fn check_faults(sample: Sample, expected: &str) {
        let faults = faults(&sample.bytes(), Machine::X86_64);
        let lines: Vec<String> = faults.iter().map(PackageFault::to_string).collect();
        assert_eq!(lines.join("\n"), expected);
    }

    #[test]
    fn what_a_build_gives_is_accepted() {
        check_faults(Sample::default(), "");
        let arm = Sample {
            machine: Machine::Aarch64,
            ..Sample::default()
        };
        assert_eq!(faults(&arm.bytes(), Machine::Aarch64), []);
    }

    #[test]
    fn a_program_of_this_machine_is_read() {
        let path = std::env::current_exe().unwrap();
        #[expect(clippy::disallowed_methods, reason = "a test's own program")]
        let program = std::fs::read(path).unwrap();
        let (own, other) = if cfg!(target_arch = "x86_64") {
            (Machine::X86_64, Machine::Aarch64)
        } else {
            (Machine::Aarch64, Machine::X86_64)
        };
        // Built against this machine's glibc, which may be newer than Lambda's.
        let own = faults(&program, own);
        assert!(
            own.iter()
                .all(|fault| matches!(fault, PackageFault::SymbolVersion { .. })),
            "{own:?}"
        );
        let other = faults(&program, other);
        assert!(
            matches!(other[0], PackageFault::OtherMachine { .. }),
            "{other:?}"
        );
        assert_eq!(other.len(), own.len() + 1);
    }

    #[test]
    fn static_programs_need_nothing() {
        let still = Sample {
            interpreter: None,
            libraries: vec![],
            position_independent: true,
            ..Sample::default()
        };
        check_faults(still, "");
    }

    #[test]
    fn every_symbol_version_that_is_too_new_is_named() {
        let new = Sample {
            libraries: vec![
                (
                    "libc.so.6",
                    vec![
                        "GLIBC_2.2.5",
                        "GLIBC_2.34",
                        "GLIBC_2.35",
                        "GLIBC_2.9",
                        "GLIBC_2.100",
                    ],
                ),
                (
                    "libm.so.6",
                    vec!["GLIBC_2.38", "GLIBC_ABI_DT_RELR", "GLIBC_PRIVATE"],
                ),
                ("libgcc_s.so.1", vec!["GCC_4.2.0", "GCC_11.0", "GCC_14.0.0"]),
            ],
            ..Sample::default()
        };
        check_faults(
            new,
            "the program requires GLIBC_2.100 of libc.so.6, but Amazon Linux 2023 has at most GLIBC_2.34\n\
             the program requires GLIBC_2.35 of libc.so.6, but Amazon Linux 2023 has at most GLIBC_2.34\n\
             the program requires GCC_14.0.0 of libgcc_s.so.1, but Amazon Linux 2023 has at most GCC_11.5\n\
             the program requires GLIBC_2.38 of libm.so.6, but Amazon Linux 2023 has at most GLIBC_2.34\n\
             the program requires GLIBC_ABI_DT_RELR of libm.so.6, but Amazon Linux 2023 has at most GLIBC_2.34\n\
             the program requires GLIBC_PRIVATE of libm.so.6, but Amazon Linux 2023 has at most GLIBC_2.34",
        );
    }

    #[test]
    fn a_weak_version_may_be_missing() {
        let weak = Sample {
            libraries: vec![("libc.so.6", vec!["GLIBC_2.39"])],
            weak_versions: true,
            ..Sample::default()
        };
        check_faults(weak, "");
    }

    #[test]
    fn foreign_libraries_and_linkers_are_named() {
        let foreign = Sample {
            interpreter: Some("/lib/ld-musl-x86_64.so.1"),
            libraries: vec![("libssl.so.3", vec!["OPENSSL_3.0.0"]), ("libc.so", vec![])],
            ..Sample::default()
        };
        check_faults(
            foreign,
            "the program requires the dynamic linker /lib/ld-musl-x86_64.so.1, \
             but the runtime provided.al2023 has /lib64/ld-linux-x86-64.so.2\n\
             the program requires the shared library libssl.so.3, which the runtime provided.al2023 does not have\n\
             the program requires the shared library libc.so, which the runtime provided.al2023 does not have",
        );
    }

    #[test]
    fn libraries_and_object_files_are_no_programs() {
        let library = Sample {
            interpreter: None,
            ..Sample::default()
        };
        check_faults(
            library,
            "the program is a shared library, not an executable",
        );
        let mut object = Sample::default().bytes();
        object[16] = 1;
        assert_eq!(
            faults(&object, Machine::X86_64),
            [PackageFault::NotExecutable {
                found: "an object file"
            }]
        );
    }

    #[test]
    fn other_forms_of_elf_are_refused() {
        for (position, value) in [(4, 1), (5, 2)] {
            let mut bytes = Sample::default().bytes();
            bytes[position] = value;
            assert_eq!(
                faults(&bytes, Machine::X86_64),
                [PackageFault::NotSixtyFourBit]
            );
        }
        assert_eq!(faults(b"", Machine::X86_64), [PackageFault::NotElf]);
        assert_eq!(faults(b"MZ\x90", Machine::X86_64), [PackageFault::NotElf]);
    }

    #[test]
    fn every_shorter_file_is_refused() {
        let whole = Sample::default().bytes();
        for end in 0..whole.len() {
            assert_ne!(faults(&whole[..end], Machine::X86_64), [], "cut at {end}");
        }
    }

    proptest::proptest! {
        #[test]
        fn damage_never_panics(position in 0usize..1024, value: u8) {
            let mut bytes = Sample::default().bytes();
            let position = position % bytes.len();
            bytes[position] = value;
            let _ = faults(&bytes, Machine::X86_64);
        }
    }
}
