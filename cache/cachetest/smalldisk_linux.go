package cachetest

import (
	"bytes"
	"os"
	"os/exec"
	"syscall"
	"testing"
)

const smallDiskVariable = "NX_AZURE_CACHE_TEST_SMALL_DISK"

// OnSmallDisk runs a test with a folder on a file system that holds 8 MB and a hundred
// files. Only root can mount one. Other users run the test in a child, which is root in a
// user namespace or, if that is forbidden, through sudo.
func OnSmallDisk(t *testing.T, test func(t *testing.T, dir string)) {
	t.Helper()
	dir := t.TempDir()
	err := syscall.Mount("none", dir, "tmpfs", 0, "size=8m,nr_inodes=100")
	if err == nil {
		t.Cleanup(func() {
			if err := syscall.Unmount(dir, 0); err != nil {
				t.Error(err)
			}
		})
		test(t, dir)
		return
	}
	if os.Getenv(smallDiskVariable) != "" {
		t.Log(err)
		os.Exit(cannotMount)
	}
	args := []string{os.Args[0], "-test.run", "^" + t.Name() + "$"}
	inNamespace := exec.CommandContext(t.Context(), args[0], args[1:]...)
	inNamespace.Env = append(os.Environ(), smallDiskVariable+"=1")
	inNamespace.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	withSudo := exec.CommandContext(t.Context(), "sudo", append([]string{"-n", "env", smallDiskVariable + "=1"}, args...)...)
	for _, child := range []*exec.Cmd{inNamespace, withSudo} {
		output, err := child.CombinedOutput()
		if err == nil {
			return
		}
		if child.ProcessState != nil && child.ProcessState.ExitCode() == 1 && bytes.Contains(output, []byte("--- FAIL")) {
			t.Fatalf("%s", output)
		}
		t.Logf("%v: %s", err, output)
	}
	if os.Getenv("CI") == "" {
		t.Skip("needs root, a user namespace or sudo")
	}
	t.Fatal("needs root, a user namespace or sudo")
}

// cannotMount is the exit code of a child that cannot mount a file system.
const cannotMount = 77
