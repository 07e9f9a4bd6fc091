#!/bin/sh
# Installs what the local servers need from the system's packages: Java, Maven, Postgres,
# mosquitto and Dovecot, what reads and writes PDFs beside us, what speaks, languages of recognition, and the
# browser that tests drive, by apt-get as root (or with sudo that asks for no password). Never
# fails: what could not be installed is named, and the tests that need it are skipped. SYSTEM_PACKAGES=no in the
# environment keeps it from touching anything.
# Usage: infra/local/system_packages.sh         (make services and make test do)
#        infra/local/system_packages.sh bench   (with what only benchmarks need; make bench does)
set -u
asked=${1:-}

say() { printf '%s\n' "$*" >&2; }

has() { PATH="$PATH:/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin" command -v "$1" >/dev/null 2>&1; }

has_postgres() { has initdb || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1; }

# Kafka 4 needs 17; an older java says 11.0.x or 1.8.x
has_java() {
    has java &&
        java -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p' | {
            read -r major && [ "$major" -ge 17 ]
        }
}

# scripts and languages of which the tests read a page
languages="osd deu fra jpn ara heb rus ell chi_sim kor"

missing() {
    has_java || printf 'openjdk-17-jre-headless '
    has mvn || printf 'maven '
    has_postgres || printf 'postgresql '
    has mosquitto || printf 'mosquitto '
    has dovecot || printf 'dovecot-imapd '
    has pdftotext || printf 'poppler-utils '
    ls /usr/share/fonts/truetype/liberation*/LiberationSans-Regular.ttf >/dev/null 2>&1 ||
        printf 'fonts-liberation '
    ls /usr/share/fonts/truetype/dejavu/DejaVuSans.ttf >/dev/null 2>&1 ||
        printf 'fonts-dejavu-core '
    has mutool || printf 'mupdf-tools '
    # speech, and files of it
    has tesseract || printf 'tesseract-ocr '
    has espeak-ng || printf 'espeak-ng '
    has opusenc || printf 'opus-tools '
    has lame || printf 'lame '
    has exiftool || printf 'libimage-exiftool-perl '
    ls /usr/share/fonts/opentype/ipafont-gothic/ipag.ttf >/dev/null 2>&1 ||
        printf 'fonts-ipafont-gothic '
    ls /usr/share/fonts/truetype/nanum/NanumGothic.ttf >/dev/null 2>&1 ||
        printf 'fonts-nanum '
    for language in $languages; do
        ls /usr/share/tesseract-ocr/*/tessdata/"$language.traineddata" >/dev/null 2>&1 ||
            printf 'tesseract-ocr-%s ' "$(printf %s "$language" | tr _ -)"
    done
    has chromium || has chromium-browser || printf 'chromium '
    # promtool checks the rules for alerts
    has promtool || printf 'prometheus '
    if [ "$asked" = bench ]; then
        has dot || printf 'graphviz '
        has mosquitto_sub || printf 'mosquitto-clients '
    fi
}

wanted=$(missing)
if [ -z "$wanted" ]; then exit 0; fi

give_up() {
    say "Not installed: $wanted($1)."
    say "The tests that need them will be skipped. Install them to run these too."
    exit 0
}

if [ "${SYSTEM_PACKAGES:-}" = no ]; then give_up "SYSTEM_PACKAGES=no"; fi
has apt-get || give_up "this machine has no apt-get"
if [ "$(id -u)" = 0 ]; then
    as_root=
elif has sudo && sudo -n true 2>/dev/null; then
    as_root="sudo -n"
else
    give_up "only root can, and sudo would ask for a password"
fi

# The packages of the servers start them on their well-known ports, now and at every boot.
# Debian's way to forbid it is this file, which is removed again at the end; one that is
# there already belongs to somebody else and stays.
policy=/usr/sbin/policy-rc.d
marker="written by lineal's system_packages.sh"
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\n# %s\nexit 101\n' "$marker" | $as_root tee "$policy" >/dev/null &&
        $as_root chmod 755 "$policy"
fi
clean_up() {
    if grep -qs "$marker" "$policy"; then $as_root rm -f "$policy"; fi
}
trap clean_up EXIT
trap 'exit 1' HUP INT TERM

install() {
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        "$@" </dev/null >/dev/null 2>&1
}

say "Installing $wanted(system packages for the tests' real servers)"
$as_root apt-get update -qq </dev/null >/dev/null 2>&1
# one at a time when all at once does not work: a release may not have one of them
install $wanted || for package in $wanted; do
    install "$package" || { [ "$package" = openjdk-17-jre-headless ] &&
        install default-jre-headless; }
done

# present now; neither may start at the next boot because of us
if has systemctl; then
    for package in $wanted; do
        case $package in
            postgresql | mosquitto | prometheus)
                $as_root systemctl disable --quiet "$package" >/dev/null 2>&1 ;;
            dovecot-imapd)
                $as_root systemctl disable --quiet dovecot >/dev/null 2>&1 ;;
        esac
    done
fi

wanted=$(missing)
if [ -n "$wanted" ]; then give_up "apt-get could not install them"; fi
