# Run a command as a pod with a read-only root file system would: nothing can be written but what is
# under one empty folder. It takes a mount namespace of our own, so no file of the machine changes.
#
#     unshare --user --map-root-user --mount sh read_only.sh ROOT MODEL WRITABLE COMMAND …
#
# ROOT is the checkout and MODEL a file, which are kept in reach when they lie under WRITABLE. In
# COMMAND and in the environment the model is /mnt/model.onnx.
set -e
root=$1 model=$2 writable=$3
shift 3
mount -t tmpfs tmpfs /mnt
mkdir /mnt/root
cp "$model" /mnt/model.onnx
mount --rbind "$root" /mnt/root
[ "$writable" = none ] || mount -t tmpfs tmpfs "$writable"
[ -d "$root" ] || { mkdir -p "$root" && mount --rbind /mnt/root "$root"; }
while read -r _ where type _; do
    case $type in proc | sysfs | devpts | cgroup*) continue ;; esac
    [ "$where" = "$writable" ] || mount -o remount,bind,ro "$where" 2>/dev/null || true
done </proc/self/mounts
for folder in / "$root" /mnt "$HOME" /var/tmp; do
    if touch "$folder/.written" 2>/dev/null; then
        echo "read_only.sh: $folder can still be written" >&2
        exit 1
    fi
done
cd "$root"
exec "$@"
