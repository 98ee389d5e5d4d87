//! The way to the database: encrypted, and to nobody else.

use super::Cluster;
use crate::{contract::File, contract::Place, process::command};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use std::{fs, path::Path};

fn authority(name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// Runs the binary with the roots in a file, and says what came of it.
async fn run(args: &[&str], roots: &Path) -> (Option<i32>, String) {
    let output = command(args).env("SSL_CERT_FILE", roots).env_remove("SSL_CERT_DIR").output().await.unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_certificate_is_checked_and_nothing_goes_in_the_clear() {
    let (ours, theirs) = (authority("ours"), authority("theirs"));
    let key = KeyPair::generate().unwrap();
    let certificate =
        CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&key, &ours).unwrap();
    let (_cluster, port) = Cluster::start_encrypted(&certificate.pem(), &key.serialize_pem());
    let folder = tempfile::tempdir().unwrap();
    let roots = |name: &str, text: &str| {
        let file = folder.path().join(name);
        fs::write(&file, text).unwrap();
        file
    };
    let (ours, theirs, none) =
        (roots("ours", &ours.pem()), roots("theirs", &theirs.pem()), roots("none", ""));
    let url = |host: &str, mode: &str| format!("postgres://postgres@{host}:{port}/postgres?sslmode={mode}");
    let required = url("localhost", "require");

    let (code, error) = run(&["migrate", "--database", &required], &ours).await;
    assert_eq!(code, Some(0), "{error}");
    // Over the pool, too.
    let file = File::default();
    drop(file.open());
    let (code, error) = run(&["copy", "--from", file.path.to_str().unwrap(), "--to", &required], &ours).await;
    assert_eq!(code, Some(0), "{error}");

    let refused = [
        (&required, &theirs, "certificate"),
        (&required, &none, "root certificates"),
        (&url("127.0.0.1", "require"), &ours, "certificate"),
        (&url("localhost", "disable"), &ours, "no encryption"),
    ];
    for (url, roots, says) in refused {
        let (code, error) = run(&["migrate", "--database", url], roots).await;
        assert_eq!(code, Some(1), "{url}");
        assert!(error.contains(says) && !error.contains("panicked"), "{url}: {error}");
    }
}
