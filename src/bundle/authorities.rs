//! Files with certificates of certificate authorities, packed beside the executable.

/// The folder in the zip file in which the function looks for them.
const FOLDER: &str = "tls/";

/// A file with certificates, by its name in that folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorities {
    /// The name.
    pub name: String,
    /// The certificates, in PEM.
    pub pem: Vec<u8>,
}

/// Returns the path of a certificate file in the zip file.
pub(super) fn path(name: &str) -> String {
    format!("{FOLDER}{name}")
}

impl Authorities {
    /// Checks the content of a certificate file.
    ///
    /// # Errors
    ///
    /// Fails if it contains no certificate, an incomplete one, or a private key, which must not
    /// be in the package.
    pub fn read(name: String, pem: Vec<u8>) -> Result<Self, String> {
        let text = std::str::from_utf8(&pem).map_err(|_| "it is not a text file".to_owned())?;
        let mut certificates = 0;
        let mut open: Option<(&str, String)> = None;
        for line in text.lines().map(str::trim) {
            if let Some(label) = marker(line, "BEGIN") {
                if label.ends_with("PRIVATE KEY") {
                    return Err(
                        "it contains a private key; provide only the certificates".to_owned()
                    );
                }
                open = Some((label, String::new()));
            } else if let Some(label) = marker(line, "END") {
                match open.take() {
                    Some((begun, body)) if begun == label => {
                        if label.ends_with("CERTIFICATE") {
                            check(&body).map_err(|why| {
                                format!("certificate {}: {why}", certificates + 1)
                            })?;
                            certificates += 1;
                        }
                    }
                    _ => return Err(format!("`END {label}` has no matching `BEGIN {label}`")),
                }
            } else if let Some((_, body)) = &mut open {
                body.push_str(line);
            }
        }
        match (open, certificates) {
            (Some((label, _)), _) => Err(format!("`BEGIN {label}` has no matching `END {label}`")),
            (None, 0) => Err("it does not contain a PEM certificate".to_owned()),
            (None, _) => Ok(Self { name, pem }),
        }
    }
}

/// Returns the label of a line like `-----BEGIN CERTIFICATE-----` (RFC 7468).
fn marker<'line>(line: &'line str, which: &str) -> Option<&'line str> {
    let inner = line.strip_prefix("-----")?.strip_suffix("-----")?;
    inner.strip_prefix(which)?.strip_prefix(' ')
}

/// Checks the base64 text of a certificate: a DER sequence longer than a few bytes, which
/// begins with the byte 0x30 and its length.
fn check(body: &str) -> Result<(), &'static str> {
    let letters = body.trim_end_matches('=');
    let usual = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/';
    if !letters.bytes().all(usual)
        || !body.len().is_multiple_of(4)
        || body.len() - letters.len() > 2
    {
        return Err("it is not base64");
    }
    match letters.starts_with('M') && letters.len() > 64 {
        true => Ok(()),
        false => Err("it is not a certificate"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Authorities, String> {
        Authorities::read("a.pem".to_owned(), text.as_bytes().to_vec())
    }

    fn block(label: &str, body: &str) -> String {
        format!("-----BEGIN {label}-----\r\n{body}\r\n-----END {label}-----\r\n")
    }

    #[test]
    fn certificates_are_told_from_everything_else() {
        let body = format!("MIIB{}", "A".repeat(124));
        let one = block("CERTIFICATE", &body);
        assert!(read(&format!("# our authority\n{one}{one}")).is_ok());
        let refused = [
            String::new(),
            "hush".to_owned(),
            block("CERTIFICATE", "hush"),
            block("CERTIFICATE", &body[1..]),
            one.replace("-----END CERTIFICATE-----", ""),
            one.clone() + &block("RSA PRIVATE KEY", &body),
            block("PUBLIC KEY", &body),
        ]
        .map(|text| read(&text).unwrap_err());
        insta::assert_snapshot!(refused.join("\n"), @"
        it does not contain a PEM certificate
        it does not contain a PEM certificate
        certificate 1: it is not a certificate
        certificate 1: it is not base64
        `BEGIN CERTIFICATE` has no matching `END CERTIFICATE`
        it contains a private key; provide only the certificates
        it does not contain a PEM certificate
        ");
    }
}
