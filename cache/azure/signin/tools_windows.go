package signin

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

// toolGroup is the job of a tool. Windows ends all processes of a job when its last
// handle is closed, so also when this process ends.
type toolGroup struct{ job windows.Handle }

// groupCommand returns the shell for a command line, as azidentity starts it.
func groupCommand(ctx context.Context, command string) (*exec.Cmd, *toolGroup, error) {
	dir := os.Getenv("SYSTEMROOT")
	if dir == "" {
		return nil, nil, errors.New(`environment variable "SYSTEMROOT" has no value`)
	}
	cmd := exec.CommandContext(ctx, "cmd.exe")
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{CmdLine: "/c " + command}
	job, err := windows.CreateJobObject(nil, nil)
	if err != nil {
		return nil, nil, err
	}
	group := &toolGroup{job}
	if err := group.limit(windows.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE); err != nil {
		group.release()
		return nil, nil, err
	}
	return cmd, group, nil
}

func (g *toolGroup) limit(flags uint32) error {
	var info windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION
	info.BasicLimitInformation.LimitFlags = flags
	_, err := windows.SetInformationJobObject(g.job, windows.JobObjectExtendedLimitInformation, uintptr(unsafe.Pointer(&info)), uint32(unsafe.Sizeof(info)))
	return err
}

// started puts the shell into the job, and so everything that it starts. The shell could
// only start something earlier if the system stopped this process right here.
func (g *toolGroup) started(shell *os.Process) {
	_ = shell.WithHandle(func(handle uintptr) {
		_ = windows.AssignProcessToJobObject(g.job, windows.Handle(handle)) // if it fails, only the shell can be killed
	})
}

// kill ends all processes of the job.
func (g *toolGroup) kill() { _ = windows.TerminateJobObject(g.job, 1) }

// release closes the job without ending what the tool has left.
func (g *toolGroup) release() {
	_ = g.limit(0) // otherwise closing ends it
	_ = windows.CloseHandle(g.job)
}
