//! Builds executables of any shape for the tests, without a compiler.

use super::fault::Machine;

/// The address at which the segment is loaded. Its file offset is 0.
const BASE: u64 = 0x40_0000;

/// The properties of the executable.
pub struct Sample {
    pub machine: Machine,
    pub interpreter: Option<&'static str>,
    /// The required libraries, and the required versions of each.
    pub libraries: Vec<(&'static str, Vec<&'static str>)>,
    pub weak_versions: bool,
    pub position_independent: bool,
}

impl Default for Sample {
    fn default() -> Self {
        Self {
            machine: Machine::X86_64,
            interpreter: Some("the machine's own"),
            libraries: vec![
                ("libc.so.6", vec!["GLIBC_2.2.5", "GLIBC_2.34"]),
                ("libgcc_s.so.1", vec!["GCC_3.0"]),
            ],
            weak_versions: false,
            position_independent: false,
        }
    }
}

impl Sample {
    /// Returns the file: the header, the program headers, the interpreter's path, the strings,
    /// the versions, and the dynamic table.
    pub fn bytes(&self) -> Vec<u8> {
        let (machine, linker) = match self.machine {
            Machine::X86_64 => (62u16, "/lib64/ld-linux-x86-64.so.2"),
            Machine::Aarch64 => (183, "/lib/ld-linux-aarch64.so.1"),
        };
        let interpreter = self.interpreter.map(|path| match path {
            "the machine's own" => linker,
            path => path,
        });
        let segments = 2 + u64::from(interpreter.is_some());
        let mut file = Vec::new();
        file.extend(*b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0");
        half(&mut file, 3); // ET_DYN
        half(&mut file, machine);
        word(&mut file, 1);
        long(&mut file, BASE); // entry
        long(&mut file, 64); // program headers
        long(&mut file, 0); // no section headers
        word(&mut file, 0);
        for value in [64, 56, u16::try_from(segments).unwrap(), 64, 0, 0] {
            half(&mut file, value);
        }
        let headers = file.len();
        file.resize(headers + usize::try_from(segments).unwrap() * 56, 0);

        let path = (
            position(&file),
            interpreter.map_or(0, |path| path.len() + 1),
        );
        file.extend(interpreter.unwrap_or_default().bytes());
        file.push(0);

        let mut strings = vec![0];
        let mut needed = Vec::new();
        let mut versions = Vec::new();
        for (index, (library, names)) in self.libraries.iter().enumerate() {
            let name = intern(&mut strings, library);
            needed.push(name);
            if names.is_empty() {
                continue;
            }
            let last = self.libraries[index + 1..]
                .iter()
                .all(|(_, names)| names.is_empty());
            let count = u32::try_from(names.len()).unwrap();
            half(&mut versions, 1);
            half(&mut versions, u16::try_from(names.len()).unwrap());
            word(&mut versions, name);
            word(&mut versions, 16);
            word(&mut versions, if last { 0 } else { 16 + 16 * count });
            for (index, version) in names.iter().enumerate() {
                let name = intern(&mut strings, version);
                word(&mut versions, 0);
                half(&mut versions, if self.weak_versions { 2 } else { 0 });
                half(&mut versions, 2);
                word(&mut versions, name);
                word(&mut versions, if index + 1 == names.len() { 0 } else { 16 });
            }
        }
        let strings_at = position(&file);
        file.extend(&strings);
        file.resize(file.len().next_multiple_of(8), 0);
        let versions_at = position(&file);
        file.extend(&versions);
        file.resize(file.len().next_multiple_of(8), 0);

        let dynamic_at = position(&file);
        for name in needed {
            entry(&mut file, 1, name.into());
        }
        entry(&mut file, 5, BASE + strings_at);
        entry(&mut file, 10, strings.len() as u64);
        if !versions.is_empty() {
            let count = self
                .libraries
                .iter()
                .filter(|(_, names)| !names.is_empty())
                .count();
            entry(&mut file, 0x6fff_fffe, BASE + versions_at);
            entry(&mut file, 0x6fff_ffff, count as u64);
        }
        if self.position_independent {
            entry(&mut file, 0x6fff_fffb, 0x0800_0000);
        }
        entry(&mut file, 0, 0);

        let end = position(&file);
        let mut table = segment(1, 0, end);
        table.extend(segment(2, dynamic_at, end - dynamic_at));
        if interpreter.is_some() {
            table.extend(segment(3, path.0, path.1 as u64));
        }
        file[headers..headers + table.len()].copy_from_slice(&table);
        file
    }
}

fn position(bytes: &[u8]) -> u64 {
    bytes.len() as u64
}

fn intern(strings: &mut Vec<u8>, name: &str) -> u32 {
    let offset = u32::try_from(strings.len()).unwrap();
    strings.extend(name.bytes());
    strings.push(0);
    offset
}

fn segment(kind: u32, offset: u64, size: u64) -> Vec<u8> {
    let mut header = Vec::new();
    word(&mut header, kind);
    word(&mut header, 5); // readable, executable
    for value in [offset, BASE + offset, BASE + offset, size, size, 8] {
        long(&mut header, value);
    }
    header
}

fn entry(bytes: &mut Vec<u8>, tag: u64, value: u64) {
    long(bytes, tag);
    long(bytes, value);
}

fn half(bytes: &mut Vec<u8>, value: u16) {
    bytes.extend(value.to_le_bytes());
}

fn word(bytes: &mut Vec<u8>, value: u32) {
    bytes.extend(value.to_le_bytes());
}

fn long(bytes: &mut Vec<u8>, value: u64) {
    bytes.extend(value.to_le_bytes());
}
