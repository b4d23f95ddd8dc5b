package deploy_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// sandboxVariable makes the test binary enter the sandbox that it describes and
// become its program, as a container runtime does.
const sandboxVariable = "GATEWAY_TEST_SANDBOX"

// A sandbox is what a container runtime gives one process: a root that cannot be
// written to, mounts, a user, and no privileges.
type sandbox struct {
	Root   string
	Mounts []mount
	User   int
	Group  int
	Args   []string
	Env    []string
}

// A mount is one folder of the sandbox.
type mount struct {
	Source, Path string
	ReadOnly     bool
}

// command returns the sandbox's program, ready to start.
func (s sandbox) command(t *testing.T) *exec.Cmd {
	t.Helper()
	for _, m := range s.Mounts {
		if err := os.MkdirAll(filepath.Join(s.Root, m.Path), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	described, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = []string{sandboxVariable + "=" + string(described)}
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS, Pdeathsig: unix.SIGKILL}
	if os.Geteuid() != 0 { // then a user namespace gives the rights to mount, and the user its number
		cmd.SysProcAttr.Cloneflags |= unix.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: s.User, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: s.Group, HostID: os.Getgid(), Size: 1}}
		cmd.SysProcAttr.AmbientCaps = []uintptr{unix.CAP_SYS_ADMIN, unix.CAP_SYS_CHROOT}
	}
	return cmd
}

// enter becomes the program of the described sandbox, and never returns.
func enter(described string) {
	var s sandbox
	err := json.Unmarshal([]byte(described), &s)
	for _, step := range []func() error{s.isolate, s.drop, func() error { return unix.Exec(s.Args[0], s.Args, s.Env) }} {
		if err == nil {
			err = step()
		}
	}
	fmt.Fprintln(os.Stderr, "enter sandbox:", err)
	os.Exit(127)
}

// isolate makes the sandbox's root the process's, with its mounts.
func (s sandbox) isolate() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("keep mounts private: %w", err)
	}
	if err := bind(s.Root, s.Root, false); err != nil {
		return err
	}
	for _, m := range s.Mounts {
		if err := bind(m.Source, filepath.Join(s.Root, m.Path), m.ReadOnly); err != nil {
			return err
		}
	}
	if err := bind(s.Root, "", true); err != nil { // last, for the mounts need their folders
		return err
	}
	if err := unix.Chroot(s.Root); err != nil {
		return fmt.Errorf("change root: %w", err)
	}
	return unix.Chdir("/")
}

// bind shows source at a path too; readOnly then closes it for writing. An empty
// path closes a source that is a mount already.
func bind(source, path string, readOnly bool) error {
	if path == "" {
		path = source
	} else if err := unix.Mount(source, path, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("mount %s at %s: %w", source, path, err)
	}
	if !readOnly {
		return nil
	}
	var stat unix.Statfs_t
	if err := unix.Statfs(path, &stat); err != nil {
		return err
	}
	locked := uintptr(stat.Flags) & (unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC | unix.MS_NOATIME | unix.MS_NODIRATIME | unix.MS_RELATIME)
	if err := unix.Mount("", path, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY|locked, ""); err != nil {
		return fmt.Errorf("close %s for writing: %w", path, err)
	}
	return nil
}

// drop gives up every privilege.
func (s sandbox) drop() error {
	if os.Geteuid() != s.User {
		if err := syscall.Setgroups([]int{s.Group}); err != nil {
			return fmt.Errorf("set groups: %w", err)
		}
		if err := syscall.Setgid(s.Group); err != nil {
			return fmt.Errorf("set group: %w", err)
		}
		if err := syscall.Setuid(s.User); err != nil {
			return fmt.Errorf("set user: %w", err)
		}
	}
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
		return fmt.Errorf("clear capabilities: %w", err)
	}
	return unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
}
