package signin

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

// toolCredential signs in as the user of a command line tool. It runs the commands of
// azidentity v1.15.0 and reads their output in the same way. azidentity kills only the
// shell of a tool that hangs: the tool and its children outlive the process. A
// [toolProcess] kills all of them.
type toolCredential struct {
	name    string // as in azidentity's errors
	command func(claims string) (string, error)
	token   func(stdout []byte) (azcore.AccessToken, error)
	explain func(stderr string) string
	mu      sync.Mutex // one tool at a time: some lock their files
}

// GetToken implements [azcore.TokenCredential]. Tokens are always for Azure Storage and
// for the tenant of the tool: see [storageOnly].
func (c *toolCredential) GetToken(ctx context.Context, options policy.TokenRequestOptions) (azcore.AccessToken, error) {
	command, err := c.command(options.Claims)
	if err != nil {
		return azcore.AccessToken{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	stdout, err := c.run(ctx, command)
	if err != nil {
		return azcore.AccessToken{}, err
	}
	token, err := c.token(stdout)
	if err != nil {
		return azcore.AccessToken{}, c.failure(err.Error())
	}
	return token, nil
}

func (c *toolCredential) failure(what string) error { return errors.New(c.name + ": " + what) }

// run returns what a command prints.
func (c *toolCredential) run(ctx context.Context, command string) ([]byte, error) {
	var stdout, stderr bytes.Buffer
	process, err := startTool(ctx, command, &stdout, &stderr)
	if err != nil {
		return nil, c.failure(err.Error())
	}
	err = process.wait()
	if err == nil || errors.Is(err, exec.ErrWaitDelay) && stdout.Len() > 0 {
		return stdout.Bytes(), nil
	}
	said := strings.Trim(stderr.String(), "\r\n")
	exit, isExit := errors.AsType[*exec.ExitError](err)
	if isExit && exit.ExitCode() == 127 || strings.Contains(said, unknownToCmd) {
		return nil, c.failure("executable not found on path")
	}
	if c.explain != nil {
		said = c.explain(said)
	}
	if said == "" {
		said = err.Error()
	}
	return nil, c.failure(said)
}

// toolWaitDelay is how long the output of a tool may stay open after the tool has ended.
const toolWaitDelay = 100 * time.Millisecond

// toolProcess is a running tool with all its children.
type toolProcess struct {
	*exec.Cmd
	group *toolGroup
}

// startTool starts a command line in a shell. Everything that it starts ends with ctx or
// with this process, however that ends.
func startTool(ctx context.Context, command string, stdout, stderr *bytes.Buffer) (*toolProcess, error) {
	cmd, group, err := groupCommand(ctx, command)
	if err != nil {
		return nil, err
	}
	cmd.Env = os.Environ()
	cmd.Stdout, cmd.Stderr = stdout, stderr
	cmd.WaitDelay = toolWaitDelay
	cmd.Cancel = func() error {
		group.kill()
		return nil
	}
	if err := cmd.Start(); err != nil {
		group.release()
		return nil, err
	}
	group.started(cmd.Process)
	return &toolProcess{cmd, group}, nil
}

// wait waits for the tool. If the tool has failed, was killed or leaves its output open,
// its children are killed. After a success other children go on: az sends its telemetry
// that way.
func (p *toolProcess) wait() error {
	err := p.Wait()
	if err != nil {
		p.group.kill()
	}
	p.group.release()
	return err
}

const (
	cliName        = "AzureCLICredential"
	azdName        = "AzureDeveloperCLICredential"
	powerShellName = "AzurePowerShellCredential"
)

func newAzureCLI() *toolCredential {
	return &toolCredential{
		name: cliName,
		command: func(claims string) (string, error) {
			if claims != "" {
				return "", errors.New(cliName + ": Azure CLI requires multifactor authentication or additional claims. Run this command then retry the operation: az login --claims-challenge " + encoded(claims))
			}
			return cliCommand, nil
		},
		token: func(stdout []byte) (azcore.AccessToken, error) {
			var output struct {
				AccessToken string `json:"accessToken"`
				Unix        int64  `json:"expires_on"`
				Local       string `json:"expiresOn"` // of older versions
			}
			if err := json.Unmarshal(stdout, &output); err != nil {
				return azcore.AccessToken{}, err
			}
			expires := time.Unix(output.Unix, 0)
			if output.Unix == 0 {
				var err error
				if expires, err = time.ParseInLocation("2006-01-02 15:04:05.999999", output.Local, time.Local); err != nil {
					return azcore.AccessToken{}, fmt.Errorf("error parsing token expiration time %q: %w", output.Local, err)
				}
			}
			return azcore.AccessToken{Token: output.AccessToken, ExpiresOn: expires.UTC()}, nil
		},
	}
}

func newAzureDeveloperCLI() *toolCredential {
	return &toolCredential{
		name: azdName,
		command: func(claims string) (string, error) {
			command := azdCommand
			if claims != "" {
				command += " --claims " + encoded(claims)
			}
			return command, nil
		},
		token: func(stdout []byte) (azcore.AccessToken, error) {
			var output struct {
				Token     string `json:"token"`
				ExpiresOn string `json:"expiresOn"`
			}
			if err := json.Unmarshal(stdout, &output); err != nil {
				return azcore.AccessToken{}, err
			}
			expires, err := time.Parse("2006-01-02T15:04:05Z", output.ExpiresOn)
			if err != nil {
				return azcore.AccessToken{}, fmt.Errorf("error parsing token expiration time %q: %w", output.ExpiresOn, err)
			}
			return azcore.AccessToken{Token: output.Token, ExpiresOn: expires.UTC()}, nil
		},
		explain: explainAzd,
	}
}

// explainAzd finds the message in the JSON that azd writes to stderr: in "error" since
// 1.23.7, before that in "data".
func explainAzd(stderr string) string {
	fallback := ""
	for line := range strings.Lines(stderr) {
		var output struct {
			Error string `json:"error"`
			Data  struct {
				Message string `json:"message"`
			} `json:"data"`
		}
		if json.Unmarshal([]byte(line), &output) != nil {
			continue
		}
		if output.Error != "" {
			return output.Error
		}
		if fallback == "" {
			fallback = strings.TrimSpace(output.Data.Message)
		}
	}
	if fallback != "" {
		return fallback
	}
	if strings.Contains(stderr, unknownToAzd) {
		return "Azure Developer CLI requires multifactor authentication or additional claims, however the installed version doesn't support this. Upgrade to version 1.18.1 or later"
	}
	return stderr
}

func newAzurePowerShell() *toolCredential {
	return &toolCredential{
		name: powerShellName,
		command: func(claims string) (string, error) {
			if claims != "" {
				return "", errors.New(powerShellName + ": Azure PowerShell requires multifactor authentication or additional claims. Run this command then retry the operation: Connect-AzAccount -ClaimsChallenge '" + encoded(claims) + "'")
			}
			return powerShellCommand(), nil
		},
		token: func(stdout []byte) (azcore.AccessToken, error) {
			var output struct {
				Token     string `json:"Token"`
				ExpiresOn int64  `json:"ExpiresOn"`
			}
			if err := json.Unmarshal(stdout, &output); err != nil {
				return azcore.AccessToken{}, err
			}
			return azcore.AccessToken{Token: output.Token, ExpiresOn: time.Unix(output.ExpiresOn, 0).UTC()}, nil
		},
		explain: func(stderr string) string {
			switch {
			case strings.Contains(stderr, unknownModule):
				return unknownModule
			case strings.Contains(stderr, noPowerShellUser):
				return `Please run "Connect-AzAccount" to set up an account`
			default:
				return stderr
			}
		},
	}
}

func encoded(claims string) string { return base64.StdEncoding.EncodeToString([]byte(claims)) }
