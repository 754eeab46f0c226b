//! What a hostile server sends after a login.

use tokio::io::duplex;

use super::*;

/// Returns the size of a statement's result, if the server sends these packets, the last one again and
/// again.
fn result(packets: &[&[u8]]) -> Result<usize, ServerError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let (client, mut server) = duplex(256 * 1024);
        let mut session = Session {
            wire: Wire {
                stream: Box::new(client),
                codec: PacketCodec::default(),
                received: BytesMut::new(),
            },
            plugin: AuthPlugin::CachingSha2Password,
        };
        session.wire.codec.max_allowed_packet = LONGEST;
        let send = async {
            let last = packets.last().copied().into_iter().cycle();
            // The client's statement has the number 0.
            for (packet, number) in packets
                .iter()
                .copied()
                .chain(last)
                .zip((0..=255).cycle().skip(1))
            {
                let length = u32::try_from(packet.len())
                    .expect("it is short")
                    .to_le_bytes();
                server
                    .write_all(&[length[0], length[1], length[2], number])
                    .await?;
                server.write_all(packet).await?;
            }
            io::Result::Ok(())
        };
        tokio::select! {
            biased;
            rows = session.query("SELECT 1") => rows.map(|rows| rows.len()).map_err(Into::into),
            sent = send => panic!("the client reads without a limit: {sent:?}"),
        }
    })
}

const END: &[u8] = b"\xfe\0\0\x02\0";

#[test]
fn a_result_has_an_end() {
    let refused = Err(coded(ServerFault::Refused, "protocol"));
    let row = [b"\xfd\x00\x80\x00".as_slice(), &[b'x'; 0x8000]].concat();
    let few = [
        &[b"\x01".as_slice(), b"column", END],
        &[&row[..]; 20][..],
        &[END],
    ]
    .concat();
    assert_eq!(result(&few), Ok(20));
    // Definitions of columns, long rows, many rows, and empty packets.
    assert_eq!(result(&[b"\x01", b"column"]), refused);
    assert_eq!(result(&[b"\x01", b"column", END, &row]), refused);
    assert_eq!(result(&[b"\x01", b"column", END, b"\x01x"]), refused);
    assert_eq!(result(&[b"\x01", b""]), refused);
}

#[test]
fn a_greeting_of_any_length_is_refused_or_read() {
    let greeting = |length: u8| {
        let head = b"\x0a8.4.0\0\x07\0\0\x0012345678\0\xff\xff\x2d\x02\0\xff\xff";
        let rest = [
            b"\0\0\0\0\0\0\0\0\0\x00123456789012\0".as_slice(),
            &[b'x'; 300],
        ]
        .concat();
        [head.as_slice(), &[length], &rest].concat()
    };
    assert!(Greeting::read(&greeting(21), Engine::MySql).is_ok());
    for length in 0x80..=0xff {
        let refused = Greeting::read(&greeting(length), Engine::MySql).err();
        assert_eq!(
            refused,
            Some(coded(ServerFault::Refused, "protocol")),
            "{length}"
        );
    }
    for end in 0..40 {
        assert!(
            Greeting::read(&greeting(21)[..end], Engine::MySql).is_err(),
            "{end}"
        );
    }
}

#[test]
fn a_plugin_is_named_only_if_it_is_known() {
    assert_eq!(plugin::shown("AUTH_SOCKET"), "auth_socket");
    for name in ["", "hunter2", "auth_socket2", "mysql_native_password\0"] {
        assert_eq!(plugin::shown(name), "another plugin", "{name}");
    }
}
