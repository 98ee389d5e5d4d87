//! Which signed tokens are taken, and what is said of the others.

use super::{signing::token, *};
use tidelog::sync::protocol::problem as problems;
use tidelog_server::KeyError;

async fn answer(server: &Running, token: &str) -> (u16, String) {
    let answer = pull_as(&server.client, Some(token), "").send().await.unwrap();
    let status = answer.status().as_u16();
    if status == 200 {
        return (status, String::new());
    }
    if status == 401 {
        assert_eq!(answer.headers()["www-authenticate"], "Bearer realm=\"tidelog\", error=\"invalid_token\"");
    }
    let kind = if status == 401 { problems::UNAUTHORIZED } else { problems::FORBIDDEN };
    (status, problem(answer, (status, kind)).await.detail.unwrap())
}

#[tokio::test]
async fn every_algorithm_from_a_set_and_from_pem() {
    let issuer = Issuer::new();
    let set = Key::set(issuer.set().to_string().as_bytes()).unwrap();
    assert_eq!(set.len(), 4, "{set:?}");
    let by_set = start_with(Counting::new(), set).await;
    for algorithm in ["RS256", "ES256", "EdDSA", "HS256"] {
        for id in [Some(algorithm), None] {
            let token = issuer.token(algorithm, id, &claims(ada()));
            assert_eq!(answer(&by_set, &token).await, (200, String::new()), "{algorithm} {id:?}");
        }
        if algorithm != "HS256" {
            let other = issuer.token(algorithm, Some("another"), &claims(ada()));
            assert_eq!(answer(&by_set, &other).await.0, 401, "{algorithm}");
        }
        let forged = Issuer::new().token(algorithm, Some(algorithm), &claims(ada()));
        let expected = if ["ES256", "EdDSA"].contains(&algorithm) { 401 } else { 200 };
        assert_eq!(
            answer(&by_set, &forged).await.0,
            expected,
            "the keys of others differ where they are made anew"
        );
    }
    for (algorithm, pem) in issuer.pems() {
        let server = start_with(Counting::new(), vec![Key::pem(&pem).unwrap()]).await;
        for other in ["RS256", "ES256", "EdDSA"] {
            let expected = if other == algorithm { 200 } else { 401 };
            assert_eq!(answer(&server, &issuer.token(other, None, &claims(ada()))).await.0, expected);
        }
    }
}

#[tokio::test]
async fn tokens_that_are_not_in_order() {
    let issuer = Issuer::new();
    let server = start_with(Counting::new(), Key::set(issuer.set().to_string().as_bytes()).unwrap()).await;
    let change = |change: &dyn Fn(&mut Value)| {
        let mut claims = claims(ada());
        change(&mut claims);
        hs256(&claims)
    };
    let allowed = |tidelog: Value| change(&|claims| claims["tidelog"] = tidelog.clone());
    let many: Vec<_> = (0..257).map(|number| format!("course-{number}")).collect();
    let logs: Vec<_> = (0..65).map(|number| format!("log-{number}")).collect();
    let unsigned = token(&json!({ "alg": "none" }), &claims(ada()), |_| Vec::new());
    let confused =
        token(&json!({ "alg": "HS256" }), &claims(ada()), |message| signing::hmac(issuer.rsa_der(), message));
    let insists =
        token(&json!({ "alg": "HS256", "crit": ["b64"], "b64": true }), &claims(ada()), |message| {
            signing::hmac(SECRET, message)
        });
    let good = hs256(&claims(ada()));
    let (head, signature) = good.rsplit_once('.').unwrap();
    let other_claims = hs256(&claims(json!({ "logs": ["*"] })));
    let spliced = format!("{}.{signature}", other_claims.rsplit_once('.').unwrap().0);
    let unknown = "does not know this token";
    let cases = [
        (unsigned, unknown),
        (format!("{head}."), unknown),
        (head.to_owned(), unknown),
        (spliced, unknown),
        (confused, unknown),
        (insists, unknown),
        (
            token(&json!({ "alg": "HS512" }), &claims(ada()), |message| signing::hmac(SECRET, message)),
            unknown,
        ),
        (
            token(&json!({ "alg": "HS256" }), &claims(ada()), |message| signing::hmac(b"guessed", message)),
            unknown,
        ),
        ("a.b.c".to_owned(), unknown),
        ("..".to_owned(), unknown),
        (format!("{good}{}", "x".repeat(17_000)), "over the limit of 16384"),
        (change(&|claims| claims["exp"] = (now() - 31).into()), "has expired"),
        (change(&|claims| claims["exp"] = (now() - 31_000_000).into()), "has expired"),
        (change(&|claims| drop(claims.as_object_mut().unwrap().remove("exp"))), "no claim exp"),
        (change(&|claims| claims["exp"] = "tomorrow".into()), "its claims"),
        (change(&|claims| claims["nbf"] = (now() + 3_000).into()), "not valid yet"),
        (change(&|claims| claims["iss"] = "https://other.example".into()), "another issuer"),
        (change(&|claims| drop(claims.as_object_mut().unwrap().remove("iss"))), "no claim iss"),
        (change(&|claims| claims["aud"] = "mail".into()), "another audience"),
        (change(&|claims| claims["aud"] = json!(["mail", "calendar"])), "another audience"),
        (change(&|claims| drop(claims.as_object_mut().unwrap().remove("aud"))), "no claim aud"),
        (change(&|claims| claims["sub"] = "x".repeat(513).into()), "claim sub: 513 bytes"),
        (change(&|claims| drop(claims.as_object_mut().unwrap().remove("tidelog"))), "no claim tidelog"),
        (allowed(json!("everything")), "its claims"),
        (allowed(json!({ "logs": ["Academy"] })), "tidelog.logs: rule 0"),
        (allowed(json!({ "logs": logs })), "65 rules are over the limit of 64"),
        (allowed(json!({ "read": ["course", "a*b"] })), "tidelog.read: rule 1 is \"a*b\""),
        (allowed(json!({ "write": many })), "tidelog.write: 257 rules are over the limit of 256"),
        (allowed(json!({ "device": "phone" })), "its claims"),
    ];
    for (token, says) in cases {
        let (status, detail) = answer(&server, &token).await;
        assert_eq!(status, 401, "{says}: {detail}");
        assert!(detail.contains(says), "{detail:?} should say {says:?}");
    }
    // The clocks of issuer and server may differ a little.
    for late in [
        change(&|claims| claims["exp"] = (now() - 3).into()),
        change(&|claims| claims["nbf"] = (now() + 20).into()),
    ] {
        assert_eq!(answer(&server, &late).await.0, 200);
    }
    // What is not named is not allowed.
    for nothing in [
        json!({}),
        json!({ "logs": [] }),
        json!({ "logs": ["academy"] }),
        json!({ "logs": ["school*"], "read": ["*"] }),
    ] {
        assert_eq!(answer(&server, &allowed(nothing)).await.0, 403);
    }
    assert_eq!(answer(&server, &allowed(json!({ "logs": ["aca*"], "read": ["*"] }))).await.0, 200);
    assert_eq!(answer(&server, &change(&|claims| claims["aud"] = json!(["mail", AUDIENCE]))).await.0, 200);
}

#[test]
fn what_is_no_key_is_said() {
    let said = |key: Result<Key, KeyError>| key.unwrap_err().to_string();
    assert!(said(Key::secret(&[7; 31])).contains("31 bytes is too short"));
    let issuer = Issuer::new();
    let [(_, rsa), ..] = issuer.pems();
    for bad in ["", "-----BEGIN PUBLIC KEY-----", &rsa.replace("PUBLIC", "PRIVATE"), &rsa.replace('M', "N")] {
        assert!(said(Key::pem(bad)).contains("not a public key"), "{bad}");
    }
    let set = |json: &str| Key::set(json.as_bytes()).unwrap_err().to_string();
    assert!(set("{}").contains("missing field `keys`"));
    assert!(set(r#"{"keys":[]}"#).contains("no key"));
    let key = &issuer.set()["keys"][2];
    assert!(set(&json!({ "keys": vec![key; 65] }).to_string()).contains("65 keys is over the limit of 64"));
    let other_use = json!({ "keys": [{ "kty": "oct", "k": signing::base64(&SECRET[..16]) }] });
    assert!(set(&other_use.to_string()).contains("no key"));
}
