//go:build unix

package signin

import (
	"context"
	"os"
	"os/exec"
	"sync"
	"syscall"
)

// watchedScript precedes the command line in the shell, which leads its process group. A
// second process of the shell watches the pipe at descriptor 3. If the pipe ends without
// a line, this process has died, even of SIGKILL; then the watcher kills the group.
const watchedScript = `{ read line <&3 || kill -9 0; } >/dev/null 2>&1 & exec 3<&-; `

// toolGroup is the process group of a tool.
type toolGroup struct {
	read, write *os.File // the watcher's pipe
	mu          sync.Mutex
	leader      int // 0 if it has not started, or has ended
}

// groupCommand returns the shell for a command line, as azidentity starts it.
func groupCommand(ctx context.Context, command string) (*exec.Cmd, *toolGroup, error) {
	group := new(toolGroup)
	var err error
	if group.read, group.write, err = os.Pipe(); err != nil {
		return nil, nil, err
	}
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", watchedScript+command)
	cmd.Dir = "/bin"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.ExtraFiles = []*os.File{group.read} // descriptor 3
	return cmd, group, nil
}

// started notes the process that leads the group.
func (g *toolGroup) started(leader *os.Process) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.leader = leader.Pid
	_ = g.read.Close() // the shell has its own
}

// kill ends all processes of the group. The watcher is one of them, so the group is
// still that of the tool, even if its leader has ended.
func (g *toolGroup) kill() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.leader > 0 {
		_ = syscall.Kill(-g.leader, syscall.SIGKILL) // an error means that all have ended
	}
	g.leader = 0
}

// release lets the watcher end.
func (g *toolGroup) release() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.leader = 0
	_ = g.read.Close()
	_, _ = g.write.WriteString("\n") // it has ended already otherwise
	_ = g.write.Close()
}
