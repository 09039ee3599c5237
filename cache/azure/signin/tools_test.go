//go:build unix

package signin_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/signin"
	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
)

// tools are the programs of the sources, with azidentity's credential for each.
var tools = map[string]struct {
	program string
	theirs  func() (azcore.TokenCredential, error)
}{
	signin.AzureCLI: {"az", func() (azcore.TokenCredential, error) {
		return azidentity.NewAzureCLICredential(nil)
	}},
	signin.AzureDeveloperCLI: {"azd", func() (azcore.TokenCredential, error) {
		return azidentity.NewAzureDeveloperCLICredential(nil)
	}},
	signin.AzurePowerShell: {"pwsh", func() (azcore.TokenCredential, error) {
		return azidentity.NewAzurePowerShellCredential(nil)
	}},
}

// processIDs returns the process IDs that a tool has written to a file.
func processIDs(t *testing.T, file string, n int) (ids []int) {
	t.Helper()
	for deadline := time.Now().Add(cachetest.Patience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		text, _ := os.ReadFile(file)
		if words := strings.Fields(string(text)); len(words) == n {
			for _, word := range words {
				var id int
				_, _ = fmt.Sscan(word, &id)
				ids = append(ids, id)
			}
			return ids
		}
	}
	t.Fatal("the tool does not run")
	return nil
}

// checkEnded fails unless processes end soon, and kills those that do not.
func checkEnded(t *testing.T, ids []int) {
	t.Helper()
	for _, id := range ids {
		deadline := time.Now().Add(cachetest.Patience)
		for runs(id) && time.Now().Before(deadline) {
			time.Sleep(5 * time.Millisecond)
		}
		if runs(id) {
			t.Errorf("the process %d still runs", id)
			_ = syscall.Kill(id, syscall.SIGKILL)
		}
	}
}

// runs reports whether a process runs. A zombie does not run.
func runs(id int) bool {
	if syscall.Kill(id, 0) != nil {
		return false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", id))
	if err != nil {
		return runtime.GOOS != "linux"
	}
	_, state, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(state, "Z")
}

// hangs is a tool that hangs, with a child and a grandchild that hang.
const hangs = `file=%s
(sleep 600 & echo $! >>$file; wait) &
echo $! $$ >>$file
sleep 600`

// A tool that exceeds its time limit is killed, with all processes that it has started.
func TestToolThatHangs(t *testing.T) {
	for source, tool := range tools {
		t.Run(source, func(t *testing.T) {
			w := newMachine(t)
			file := filepath.Join(t.TempDir(), "ids")
			w.tool(tool.program, fmt.Sprintf(hangs, file))
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error)
			tokens := w.tokens(source)
			go func() {
				_, err := tokens.GetToken(ctx, signin.Storage)
				ended <- err
			}()
			ids := processIDs(t, file, 3)
			cancel()
			begun := time.Now()
			if err := <-ended; err == nil || time.Since(begun) > time.Minute {
				t.Errorf("got %v after %s", err, time.Since(begun))
			}
			checkEnded(t, ids)
		})
	}
}

// Children that keep a tool's output open are killed, whether the tool has printed a
// token or not.
func TestToolThatLeavesAChild(t *testing.T) {
	for _, exit := range []int{0, 1} {
		t.Run(fmt.Sprint(exit), func(t *testing.T) {
			w := newMachine(t)
			file := filepath.Join(t.TempDir(), "ids")
			w.tool("az", fmt.Sprintf("sleep 600 & echo $! >%s\n"+
				`echo '{"accessToken":"%s","expires_on":%d}'`+"\nexit %d", file, userToken, time.Now().Add(time.Hour).Unix(), exit))
			token, err := w.tokens(signin.AzureCLI).GetToken(t.Context(), signin.Storage)
			if exit == 0 && (err != nil || token.Token != userToken) || exit != 0 && err == nil {
				t.Errorf("got %v", err)
			}
			checkEnded(t, processIDs(t, file, 1))
		})
	}
}

// A process of az that sends statistics, and does not hold its output, may continue.
func TestToolThatSendsStatistics(t *testing.T) {
	w := newMachine(t)
	file := filepath.Join(t.TempDir(), "ids")
	w.tool("az", fmt.Sprintf("sleep 600 >/dev/null 2>&1 & echo $! >%s\n"+
		`echo '{"accessToken":"%s","expires_on":%d}'`, file, userToken, time.Now().Add(time.Hour).Unix()))
	if _, err := w.tokens(signin.AzureCLI).GetToken(t.Context(), signin.Storage); err != nil {
		t.Fatal(err)
	}
	id := processIDs(t, file, 1)[0]
	time.Sleep(50 * time.Millisecond)
	if !runs(id) {
		t.Error("the process was killed")
	}
	group, _ := syscall.Getpgid(id)
	// It is the only one: the process that watched the tool has also ended.
	for deadline := time.Now().Add(cachetest.Patience); len(membersOf(t, group)) > 1; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the process group contains %v", membersOf(t, group))
		}
	}
	if err := syscall.Kill(id, syscall.SIGKILL); err != nil {
		t.Error(err)
	}
}

// membersOf returns the running processes of a group.
func membersOf(t *testing.T, group int) (ids []int) {
	t.Helper()
	said, err := exec.CommandContext(t.Context(), "ps", "-A", "-o", "pid=,pgid=").Output()
	if err != nil {
		t.Skip(err)
	}
	for line := range strings.Lines(string(said)) {
		var id, of int
		if _, err := fmt.Sscan(line, &id, &of); err == nil && of == group && runs(id) {
			ids = append(ids, id)
		}
	}
	return ids
}

const askVariable = "SIGNIN_TEST_ASK"

// If SIGKILL ends the process that started a tool, the tool is killed, too.
func TestToolOfAProcessThatIsKilled(t *testing.T) {
	if os.Getenv(askVariable) != "" {
		tokens, err := signin.New(signin.Options{Source: signin.AzureCLI})
		if err == nil {
			_, err = tokens.GetToken(t.Context(), signin.Storage)
		}
		t.Fatal(err)
	}
	w := newMachine(t)
	file := filepath.Join(t.TempDir(), "ids")
	w.tool("az", fmt.Sprintf(hangs, file))
	process := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestToolOfAProcessThatIsKilled$")
	process.Env = append(os.Environ(), askVariable+"=1")
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	ids := processIDs(t, file, 3)
	if err := process.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = process.Wait() // killed
	checkEnded(t, ids)
}

// The tools get the same arguments, environment and folder as from azidentity. A new
// version of it may change them.
func TestToolsAreStartedAsByAzidentity(t *testing.T) {
	for source, tool := range tools {
		for _, claims := range []string{"", `{"access_token":{}}`} {
			t.Run(source+" "+claims, func(t *testing.T) {
				w := newMachine(t)
				file := filepath.Join(t.TempDir(), "asked")
				w.tool(tool.program, `(pwd; for arg; do echo "$arg"; done; echo "$PATH") >`+file)
				theirs, err := tool.theirs()
				if err != nil {
					t.Fatal(err)
				}
				options := policy.TokenRequestOptions{Scopes: signin.Storage.Scopes, Claims: claims}
				_, theirErr := theirs.GetToken(t.Context(), options)
				want, _ := os.ReadFile(file)
				_ = os.Remove(file)
				_, ourErr := w.tokens(source).GetToken(t.Context(), options)
				got, _ := os.ReadFile(file)
				if string(got) != string(want) {
					t.Errorf("got  %s\nwant %s", got, want)
				}
				if claims == "" && len(want) == 0 {
					t.Error("the tool was not started")
				}
				if theirErr == nil || ourErr == nil {
					t.Errorf("got %v and %v, want errors", theirErr, ourErr)
				}
			})
		}
	}
}

// extras are parts of azidentity's errors that are not compared: its name, which not all
// errors have, and a link.
var extras = regexp.MustCompile(`^Azure\w+Credential: |\.? To troubleshoot, visit https://\S+|\.$`)

// The output of a tool is read as by azidentity.
func TestToolsAreReadAsByAzidentity(t *testing.T) {
	for name, script := range map[string]string{
		"signed out":                     `echo "ERROR: Please run 'az login' to setup account." >&2; exit 1`,
		"another exit code":              `echo "no luck" >&2; exit 3`,
		"127":                            `echo "az: not found" >&2; exit 127`,
		"no output":                      `exit 2`,
		"not JSON":                       `echo hello`,
		"nothing":                        `true`,
		"an invalid time":                `echo '{"accessToken":"x","expiresOn":"soon","token":"x"}'`,
		"current azd":                    `printf '{"message":"x"}\n{"error":"not logged in, run azd auth login","message":"m"}\n' >&2; exit 1`,
		"old azd":                        `echo '{"type":"consoleMessage","data":{"message":" not logged in "}}' >&2; exit 1`,
		"azd without support for claims": `echo 'unknown flag: --claims' >&2; exit 1`,
		"no module":                      `echo 'Write-Error: Az.Accounts module not found at line 7' >&2; exit 1`,
		"no account":                     `echo 'Run Connect-AzAccount to login.' >&2; exit 1`,
	} {
		for source, tool := range tools {
			t.Run(name+" "+source, func(t *testing.T) {
				w := newMachine(t)
				w.tool(tool.program, script)
				theirs, err := tool.theirs()
				if err != nil {
					t.Fatal(err)
				}
				_, err = theirs.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: signin.Storage.Scopes})
				if err == nil {
					t.Skip("a token")
				}
				want := strings.Join(strings.Fields(extras.ReplaceAllString(err.Error(), "")), " ")
				tokens := w.tokens(source)
				_, _ = tokens.GetToken(t.Context(), signin.Storage)
				if got := extras.ReplaceAllString(tokens.Report().Steps[0].Detail, ""); got != want {
					t.Errorf("got  %s\nwant %s", got, want)
				}
			})
		}
	}
	t.Run("not there", func(t *testing.T) {
		r, _ := newMachine(t).signIn(signin.AzureCLI)
		if got := r.Steps[0]; got.Outcome != signin.NotSetUp || !strings.Contains(got.Detail, "executable not found on path") {
			t.Errorf("got %+v", got)
		}
	})
}
