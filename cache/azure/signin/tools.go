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

// toolCredential signs in as the user of a command line tool. It runs the
// commands of azidentity v1.15.0 and reads their output in the same way. azidentity
// ends only the shell of a tool that hangs: the tool and its children outlive the
// process. A [toolProcess] ends all of them.
type toolCredential struct {
	name    string // that azidentity uses in errors
	command func(claims string) (string, error)
	token   func(stdout []byte) (azcore.AccessToken, error)
	explain func(stderr string) string
	mu      sync.Mutex // a tool runs once at a time: some lock their files
}

// GetToken implements [azcore.TokenCredential]. Tokens are always for Azure Storage,
// and the tenant is that of the tool: see [storageOnly].
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

// toolWaitDelay is how long the output of a tool that has ended may stay open.
const toolWaitDelay = 100 * time.Millisecond

// toolProcess is a tool that runs, with all its children.
type toolProcess struct {
	*exec.Cmd
	group *toolGroup
}

// startTool starts a command line in a shell. All that it starts ends when ctx does,
// or this process, however that ends.
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

// wait waits for the tool. What it leaves is ended if it has failed or was ended, or
// if its output stays open. After a success other children may go on: az sends its
// statistics so.
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
			var it struct {
				AccessToken string `json:"accessToken"`
				Unix        int64  `json:"expires_on"`
				Local       string `json:"expiresOn"` // of older versions
			}
			if err := json.Unmarshal(stdout, &it); err != nil {
				return azcore.AccessToken{}, err
			}
			expires := time.Unix(it.Unix, 0)
			if it.Unix == 0 {
				var err error
				if expires, err = time.ParseInLocation("2006-01-02 15:04:05.999999", it.Local, time.Local); err != nil {
					return azcore.AccessToken{}, fmt.Errorf("error parsing token expiration time %q: %w", it.Local, err)
				}
			}
			return azcore.AccessToken{Token: it.AccessToken, ExpiresOn: expires.UTC()}, nil
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
			var it struct {
				Token     string `json:"token"`
				ExpiresOn string `json:"expiresOn"`
			}
			if err := json.Unmarshal(stdout, &it); err != nil {
				return azcore.AccessToken{}, err
			}
			expires, err := time.Parse("2006-01-02T15:04:05Z", it.ExpiresOn)
			if err != nil {
				return azcore.AccessToken{}, fmt.Errorf("error parsing token expiration time %q: %w", it.ExpiresOn, err)
			}
			return azcore.AccessToken{Token: it.Token, ExpiresOn: expires.UTC()}, nil
		},
		explain: explainAzd,
	}
}

// explainAzd finds the message in the JSON that azd writes to stderr: as "error" from
// 1.23.7 on, else in "data".
func explainAzd(stderr string) string {
	fallback := ""
	for line := range strings.Lines(stderr) {
		var it struct {
			Error string `json:"error"`
			Data  struct {
				Message string `json:"message"`
			} `json:"data"`
		}
		if json.Unmarshal([]byte(line), &it) != nil {
			continue
		}
		if it.Error != "" {
			return it.Error
		}
		if fallback == "" {
			fallback = strings.TrimSpace(it.Data.Message)
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
			var it struct {
				Token     string `json:"Token"`
				ExpiresOn int64  `json:"ExpiresOn"`
			}
			if err := json.Unmarshal(stdout, &it); err != nil {
				return azcore.AccessToken{}, err
			}
			return azcore.AccessToken{Token: it.Token, ExpiresOn: time.Unix(it.ExpiresOn, 0).UTC()}, nil
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
