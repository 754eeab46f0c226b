//! Tests of the page.

use super::super::render;
use crate::model;

#[test]
#[expect(clippy::disallowed_methods, reason = "scratch")]
fn scratch() {
    let out = std::path::Path::new("/tmp/pages");
    std::fs::create_dir_all(out).unwrap();
    for folder in ["examples", "/tmp/manifests"] {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap();
            let model = model::load(&text, None).unwrap().model;
            let began = std::time::Instant::now();
            let rendering = render(&model).unwrap();
            println!(
                "{path:?} {:?} {}",
                began.elapsed(),
                rendering.files["review.html"].len()
            );
            let name = path.file_stem().unwrap().to_str().unwrap();
            std::fs::write(
                out.join(format!("{name}.html")),
                &rendering.files["review.html"],
            )
            .unwrap();
            std::fs::write(out.join(format!("{name}.yaml")), &rendering.stack).unwrap();
        }
    }
}
