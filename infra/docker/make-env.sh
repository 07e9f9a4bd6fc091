#!/bin/sh
# Writes .env with a new secret for each password that docker-compose.yml asks for, and the key that
# signs packages for devices. Never touches a .env that is there: the databases know its passwords;
# nor a key: devices trust it.
set -eu
cd "$(dirname "$0")/../.."

if [ -e .env ]; then
    echo ".env is there already; remove it (and the volumes) to begin anew" >&2
    exit 1
fi

secret() {
    od -An -v -tx1 -N24 /dev/urandom | tr -d ' \n'
}

umask 077
{
    echo "# Secrets of docker-compose.yml, made by infra/docker/make-env.sh. Keep them to yourself."
    echo "LINEAL_HTTP_TOKEN=$(secret)"
    echo "POSTGRES_PASSWORD=$(secret)"
    echo "MQTT_BRIDGE_PASSWORD=$(secret)"
    echo "S3_ACCESS_KEY=$(secret)"
    echo "S3_SECRET_KEY=$(secret)"
} >.env

key=data/keys/deploy.pem
if [ ! -e "$key" ]; then
    mkdir -p data/keys
    # not every openssl knows Ed25519, and one that fails may leave an empty file
    if openssl genpkey -algorithm ed25519 -out "$key.new" 2>/dev/null; then
        mv "$key.new" "$key"
        echo "wrote $key; keep it safe, nobody can make it again" >&2
    else
        rm -f "$key.new"
        echo "openssl cannot make $key: run \`lineal deploy key $key\` before you start" >&2
    fi
fi
echo "wrote .env; start with: docker compose up --build" >&2
