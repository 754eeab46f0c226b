//! An application that reads its credential from the secret whenever it needs
//! one, and works on through rotations.

use std::time::Duration;

use crate::world::{ACCOUNT, Ran, World};

/// Runs a command while an application of the secret's user keeps calling AWS
/// with the secret's current key. It is never refused: it reads the secret again
/// once, for a key that was replaced between reading and using it.
pub async fn works_through(world: &World, secret: &str, user: &str, command: &str) -> Ran {
    let mut calls = 0;
    let ran = tokio::select! {
        ran = world.keyrota(command) => ran,
        () = call_on(world, secret, user, &mut calls) => unreachable!("it calls on"),
    };
    assert!(calls > 0, "the application had no turn\n{ran}");
    call(world, secret, user).await;
    ran
}

async fn call_on(world: &World, secret: &str, user: &str, calls: &mut u32) {
    loop {
        call(world, secret, user).await;
        *calls += 1;
        // Leaves the machine to the rotation: this is a load, not a race.
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn call(world: &World, secret: &str, user: &str) {
    let me = Ok(format!("arn:aws:iam::{ACCOUNT}:user/{user}"));
    let key = world.current_key(secret).await;
    if world.holder(&key).await != me {
        let key = world.current_key(secret).await;
        assert_eq!(world.holder(&key).await, me, "{} is refused", key.id);
    }
}
