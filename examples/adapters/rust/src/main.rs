//! A Lambda adapter for keyrota. Lambda's provided runtimes start it as `bootstrap`.

mod adapter;
mod contract;
mod https;

use lambda_runtime::{Error, LambdaEvent, service_fn};

use crate::contract::{Request, Response};
use crate::https::Https;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let https = &Https::new()?;
    lambda_runtime::run(service_fn(async move |event: LambdaEvent<Request>| {
        Ok::<Response, Error>(adapter::handle(&event.payload, https).await)
    }))
    .await
}
