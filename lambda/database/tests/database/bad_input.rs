//! Values of every form: no step panics, sends anything to another server, or outputs what it
//! read.

use keyrota_database_function::event::Step;
use keyrota_database_function::stage::{CURRENT, PENDING, PREVIOUS};
use keyrota_test_function::secrets::FakeSecrets as _;
use serde_json::{Value, json};

use crate::fake::{FakeServices, Setting, TOKEN, run, sweep};

/// Puts each unusual value into each field of each version.
#[test]
fn a_value_may_be_anything() {
    let odd = [
        Value::Null,
        json!(""),
        json!(true),
        json!(-1),
        json!(65_536),
        json!(5432.5),
        json!([]),
        json!({ "password": "hidden/inside/of/it" }),
        json!("a\0b"),
        json!("x".repeat(60_000)),
    ];
    let fields = [
        "engine",
        "host",
        "port",
        "dbname",
        "username",
        "password",
        "masterarn",
    ];
    for setting in [Setting::POSTGRES, Setting::MYSQL, Setting::ADMINISTRATOR] {
        for label in [CURRENT, PENDING, PREVIOUS] {
            for field in fields {
                for odd in &odd {
                    for step in Step::ALL {
                        let services = FakeServices::new(setting);
                        services.begin(TOKEN);
                        let mut value = services.value("it/must/never/be/said");
                        value[field] = odd.clone();
                        let version = if label == PENDING { TOKEN } else { "odd" };
                        services.store(version, &[label], &value);
                        services.never_say("it/must/never/be/said");
                        services.never_say("hidden/inside/of/it");
                        services.allow_breakage();
                        run(&services, step);
                        sweep(&services);
                    }
                }
            }
        }
    }
}
