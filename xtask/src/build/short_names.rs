//! Short names between a wasm and its glue. Those that wasm-bindgen gives carry hashes, which stand in both files and which no compression
//! makes smaller.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::error::Error;
use crate::process;
use crate::setup::Setup;

/// The pass of wasm-opt that renames everything that the two have in common, and prints what is called how from then on.
const PASS: &str = "--minify-imports-and-exports-and-modules";

/// What that pass calls the one module that everything is imported from.
const MODULE: &str = "a";

/// Old names and new ones.
type Names = HashMap<String, String>;

/// Renames in the wasm and in `glue`: what JavaScript and the two files of types say of it.
pub(super) fn shorten(
    setup: &Setup,
    features: &[&str],
    wasm: &Path,
    glue: &[impl AsRef<Path>],
) -> Result<(), Error> {
    let mut command = setup.command(setup.workspace().path("node_modules/.bin/wasm-opt"));
    command.args(features).arg(PASS).arg(wasm).arg("--output").arg(wasm);
    let printed = process::answer(&mut command);
    let named = printed.as_deref().and_then(names);
    let Some((imports, exports)) = named else {
        return Err(Error::Missing(format!("wasm-opt {PASS} {} says no names", wasm.display())));
    };
    for path in glue {
        let path = path.as_ref();
        let text = fs::read_to_string(path).map_err(Error::io("reading the glue"))?;
        let text = renamed(&text, &imports, &exports)
            .map_err(|what| Error::Missing(format!("{} does not name {what} as expected", path.display())))?;
        fs::write(path, text).map_err(Error::io("writing the glue"))?;
    }
    Ok(())
}

/// What wasm-opt printed: `{ imports: [[module, old, new]], exports: [[old, new]] }`.
fn names(printed: &str) -> Option<(Names, Names)> {
    let parsed: Value = serde_json::from_str(printed).ok()?;
    let pairs = |key: &str, old: usize| -> Option<Names> {
        let list = parsed[key].as_array()?.iter();
        list.map(|names| Some((names[old].as_str()?.into(), names[old + 1].as_str()?.into()))).collect()
    };
    Some((pairs("imports", 1)?, pairs("exports", 0)?))
}

/// The glue with the new names. An error is the name of what is not where it should be, which is when wasm-bindgen has changed.
fn renamed(glue: &str, imports: &Names, exports: &Names) -> Result<String, String> {
    let (glue, _) = after(glue, "wasm.", "", exports);
    let (glue, _) = after(&glue, "    readonly ", ":", exports);
    let (glue, _) = after(&glue, "export const ", ":", exports);
    let (glue, found) = after(&glue, "\n        ", ": function", imports);
    let module = "_bg.js\": import0";
    let Some(at) = glue.find(module) else {
        // The types name no imports.
        return if found == 0 { Ok(glue) } else { Err(module.into()) };
    };
    if found != imports.len() {
        return Err(format!("all of {} imports, but {found}", imports.len()));
    }
    let start = glue[..at].rfind('"').ok_or(module)?;
    Ok(format!("{}\"{MODULE}{}", &glue[..start], &glue[at + "_bg.js".len()..]))
}

/// Renames every name of `names` that stands between `before` and `behind`; and how many did.
fn after(text: &str, before: &str, behind: &str, names: &Names) -> (String, usize) {
    let mut pieces = text.split(before);
    let mut all = pieces.next().unwrap_or_default().to_owned();
    let mut found = 0;
    for piece in pieces {
        let end = piece.find(|one: char| !one.is_ascii_alphanumeric() && one != '_').unwrap_or(piece.len());
        let (name, rest) = piece.split_at(end);
        let new = names.get(name).filter(|_| rest.starts_with(behind));
        found += usize::from(new.is_some());
        all.extend([before, new.map_or(name, String::as_str), rest]);
    }
    (all, found)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRINTED: &str = r#"{"imports": [["./x_bg.js", "__wbg_now_1f", "b"]], "exports": [["core_open", "c"], ["memory", "d"]]}"#;

    fn shortened(glue: &str) -> Result<String, String> {
        let (imports, exports) = names(PRINTED).ok_or("no names")?;
        renamed(glue, &imports, &exports)
    }

    #[test]
    fn the_glue_calls_everything_by_its_new_name() {
        let glue = "wasm.core_open(wasm.memory.buffer, wasm.core_opening)\n    const import0 = {\n        \
            __wbg_now_1f: function() {},\n    };\n    return {\n        \"./x_bg.js\": import0,\n    };";
        let short = "wasm.c(wasm.d.buffer, wasm.core_opening)\n    const import0 = {\n        \
            b: function() {},\n    };\n    return {\n        \"a\": import0,\n    };";
        assert_eq!(shortened(glue), Ok(short.into()));
    }

    #[test]
    fn the_types_too() {
        assert_eq!(shortened("    readonly memory: Memory;"), Ok("    readonly d: Memory;".into()));
        assert_eq!(
            shortened("export const core_open: () => void;"),
            Ok("export const c: () => void;".into())
        );
    }

    #[test]
    fn glue_of_another_shape_is_an_error() {
        assert!(shortened("const import0 = {};\n  \"./x_bg.js\": import0").is_err());
        assert!(shortened("\n        __wbg_now_1f: function() {}").is_err());
    }
}
