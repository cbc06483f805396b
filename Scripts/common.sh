# Sourced by ./test, ./demo and .ci/run: what a build needs, found or told. Bash, strict mode set by the caller.

# The repository, whatever folder the command was called from.
hindsight_root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)"

say() { printf '==> %s\n' "$*"; }
fail() { printf 'error: %s\n' "$*" >&2; exit 1; }

# Puts a Swift toolchain on PATH: the one already there, or one of the usual places.
find_swift() {
    local folder
    if ! command -v swift >/dev/null 2>&1; then
        for folder in /opt/swift/usr/bin "${SWIFTLY_BIN_DIR:-}" "${HOME:-/root}/.local/share/swiftly/bin" \
            "${HOME:-/root}/.swiftly/bin" /usr/local/swift/usr/bin /usr/libexec/swift/bin; do
            if [[ -n "$folder" && -x "$folder/swift" ]]; then
                PATH="$folder:$PATH"
                export PATH
                break
            fi
        done
    fi
    command -v swift >/dev/null 2>&1 || fail "no Swift found on PATH, in /opt/swift or in ~/.swiftly.
Hindsight needs Swift 6.2 or newer: https://www.swift.org/install/linux/ (Debian 12 has builds of its own)."
    # The output of `swift --version` goes to a variable first: `| head` would end it with a broken pipe.
    local version
    version="$(swift --version 2>/dev/null)" || fail "\`swift --version\` failed: $(command -v swift)"
    if [[ "$version" =~ Swift\ version\ ([0-9]+)\.([0-9]+) ]]; then
        if ((BASH_REMATCH[1] < 6 || (BASH_REMATCH[1] == 6 && BASH_REMATCH[2] < 2))); then
            fail "Swift ${BASH_REMATCH[1]}.${BASH_REMATCH[2]} is too old: Hindsight needs 6.2 or newer."
        fi
    fi
}

# System packages, the Arrow library and the Python environment under .deps. Quick when all is there.
bootstrap() {
    # HINDSIGHT_PYTHON tells bootstrap which Python to start from; afterwards it names the one bootstrap made.
    # When a caller passes ours back in, it would be asked to make itself.
    case "${HINDSIGHT_PYTHON:-}" in "$hindsight_root/.deps/"*) unset HINDSIGHT_PYTHON ;; esac
    "$hindsight_root/Scripts/bootstrap" || fail "Scripts/bootstrap did not finish: see its message above."
    if [[ -x "$hindsight_root/.deps/venv/bin/python" ]]; then
        export HINDSIGHT_PYTHON="$hindsight_root/.deps/venv/bin/python"
    fi
}

# The one build that ./test and ./demo share: same configuration, same flags, so the second is quick.
# -cross-module-optimization: networks are generic over Float and Double in one room and called from another;
#   without it they run unspecialised (a dot product of 1000 in such code: 46 times slower).
# -enable-testing: lets tests see internal symbols in a release build; it did not change that figure.
build_flags=(--package-path "$hindsight_root" -c release -Xswiftc -cross-module-optimization -Xswiftc -enable-testing)

# SwiftPM rebuilds the rooms that import a changed one, but not those that import it through another; with
# -cross-module-optimization these hold copies of its code, and a class whose layout changed then crashes. So when
# any source has changed since the last build, all rooms are compiled again (the packages they depend on are not).
#
#     forget_stale_rooms [.build]       # or the .build of another package that compiles these rooms
forget_stale_rooms() {
    local folder="$hindsight_root/${1:-.build}" stamp now room
    stamp="$folder/rooms.sha256"
    now="$(cd "$hindsight_root" && find Package.swift Sources Tests -type f \( -name '*.swift' -o -name '*.h' \) -print0 |
        sort -z | xargs -0 sha256sum | sha256sum)"
    if [[ -d "$folder" && "$(cat "$stamp" 2>/dev/null)" != "$now" ]]; then
        for room in "$hindsight_root"/Sources/*/ "$hindsight_root"/Tests/*/; do
            room="$(basename "$room")"
            find "$folder" -path "*/release/$room.build/*.swift.o" -delete
            rm -f "$folder"/*/release/Modules/"$room".swiftmodule
        done
    fi
    mkdir -p "$folder"
    printf '%s' "$now" >"$stamp"
}

build() {
    forget_stale_rooms
    say "Building (release). The first time takes a few minutes."
    swift build "${build_flags[@]}" "$@"
}
