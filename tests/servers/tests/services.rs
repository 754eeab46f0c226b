//! Each service starts, listens again after it was stopped or killed, and leaves nothing behind.

use std::net::TcpStream;

use keyrota_test_servers::{Product, Service};

fn listens(service: &Service) -> bool {
    TcpStream::connect(("127.0.0.1", service.port())).is_ok()
}

fn check(product: Product) {
    let mut service = Service::start(product).expect("a service");
    assert!(listens(&service));
    service.stop();
    assert!(!listens(&service));
    service.start_again().expect("it starts again");
    service.kill();
    assert!(!listens(&service));
    service.start_again().expect("it starts again");
    let folder = service.authority().parent().expect("a folder").to_owned();
    assert!(folder.exists());
    drop(service);
    assert!(!folder.exists());
}

#[test]
fn redis() {
    check(Product::Redis);
}

#[test]
fn valkey() {
    check(Product::Valkey);
}

#[test]
fn rabbitmq() {
    check(Product::RabbitMq);
}

#[test]
fn keystone() {
    check(Product::Keystone);
}

#[test]
fn devpi() {
    check(Product::Devpi);
}
