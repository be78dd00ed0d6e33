#!/bin/sh
# Make a small base image with Python 3.11, for a machine that can reach no registry:
#
#     infra/container/make-base.sh podman localhost/python:3.11 [PACKAGE...]
#
# The engine is podman or buildah; PACKAGE is a Debian package to add to Python. Needs root and
# debootstrap. The mirror is the one in this machine's apt sources.
set -eu

engine=$1
image=$2
shift 2
packages=python3,python3-venv,ca-certificates$(printf ',%s' "$@")
packages=${packages%,} # with none to add, printf leaves a comma
suite=bookworm # the Debian release whose Python is 3.11

mirror=$(sed -n 's/^ *\(URIs: *\|deb \(\[[^]]*\] \)\?\)\([a-z]*:[^ ]*\/debian\)\/\? *\( .*\)\?$/\3/p' \
    /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | head -n 1)
if [ -z "$mirror" ]; then
    echo "the apt sources of this machine name no Debian mirror" >&2
    exit 1
fi

rootfs=$(mktemp -d)
trap 'rm -rf "$rootfs"' EXIT
debootstrap --variant=minbase --include="$packages" \
    "$suite" "$rootfs" "$mirror"
# What a container never reads: downloaded packages, manuals, translations.
rm -rf "$rootfs"/var/cache/apt/* "$rootfs"/var/lib/apt/lists/* "$rootfs"/usr/share/doc/* \
    "$rootfs"/usr/share/man/* "$rootfs"/usr/share/locale/* "$rootfs"/usr/share/info/*
# It does not install more packages either, so it needs no mirror.
rm -f "$rootfs"/etc/apt/sources.list "$rootfs"/etc/apt/sources.list.d/*

if [ "$engine" = podman ]; then
    tar -C "$rootfs" -c . | podman import --quiet - "$image"
else
    container=$(buildah from scratch)
    buildah add --quiet "$container" "$rootfs" /
    buildah commit --quiet --rm "$container" "$image"
fi
