//! Tests of the page.

use crate::model;
use crate::render::{Before, Fleet, Record, Templates, render_since};

#[test]
#[expect(clippy::disallowed_methods, reason = "scratch")]
fn scratch() {
    let out = std::path::Path::new("/tmp/pages");
    std::fs::create_dir_all(out).unwrap();
    for folder in ["examples", "/tmp/manifests"] {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|end| end != "yaml") { continue; }
            let text = std::fs::read_to_string(&path).unwrap();
            let model = model::load(&text, None).unwrap().model;
            let fleet = Fleet::of(model, Record::default()).unwrap();
            let templates = Templates::built_in().unwrap();
            let before = std::fs::read_to_string(path.with_extension("before")).ok().map(|text| Before {
                what: "the rendering in old/".into(),
                stacks: [("stack.yaml".to_owned(), text)].into(),
            });
            let began = std::time::Instant::now();
            let rendering = render_since(&fleet.shards, &templates, before.as_ref()).unwrap();
            println!("{path:?} {:?} {}", began.elapsed(), rendering.files["review.html"].len());
            let name = path.file_stem().unwrap().to_str().unwrap();
            std::fs::write(out.join(format!("{name}.html")), &rendering.files["review.html"]).unwrap();
            std::fs::write(out.join(format!("{name}.yaml")), &rendering.stacks[0]).unwrap();
        }
    }
}
