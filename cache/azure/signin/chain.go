package signin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/nx-azure-cache/nx-azure-cache/cache/awake"
	"github.com/nx-azure-cache/nx-azure-cache/cache/diagnostic"
	"github.com/nx-azure-cache/nx-azure-cache/cache/printable"
)

// source is one way to sign in.
type source struct {
	name  string
	limit time.Duration // for one token
	// open returns the credential. The error says why there is none: a [*missingError], or
	// what is wrong with it.
	open func(*Options) (azcore.TokenCredential, error)
	// absent reports whether an error of the credential means that the source is not set up
	// after all; nil means never.
	absent func(error) bool
}

// missingError says which settings of a source are missing.
type missingError struct {
	what   string
	partly bool // other settings of the source are set
}

func (e *missingError) Error() string { return e.what }

func missing(format string, args ...any) error {
	return &missingError{what: fmt.Sprintf(format, args...)}
}

func partly(format string, args ...any) error {
	return &missingError{what: fmt.Sprintf(format, args...), partly: true}
}

// chain tries one source after the other until one has a token, and then uses only that
// source: a run that changes its identity might write what it may not read. Only one
// goroutine may use a chain at a time, see [Tokens].
type chain struct {
	name    string // the configured source, or ""
	options Options
	sources []source

	used *chosenSource

	mu     sync.Mutex
	report Report
}

// chosenSource is the source that returned a token.
type chosenSource struct {
	source
	credential azcore.TokenCredential
}

// token gets a token. The error is a [*Error].
func (c *chain) token(ctx context.Context, options policy.TokenRequestOptions) (azcore.AccessToken, error) {
	if c.used != nil {
		token, step := c.getToken(ctx, *c.used, options)
		if step.Outcome == Used {
			return token, nil
		}
		step.Outcome = Failed // it was set up: falling back to anonymous would hide that
		return azcore.AccessToken{}, &Error{Named: c.name, Steps: []Step{step}}
	}
	begun := time.Now()
	var steps []Step
	for _, s := range c.sources {
		token, step := c.try(ctx, s, options)
		if ctx.Err() != nil && step.Outcome != Used {
			break
		}
		steps = append(steps, step)
		if step.Outcome == Used {
			c.setReport(Report{Source: s.name, Principal: step.Detail, Took: time.Since(begun), Steps: steps})
			return token, nil
		}
	}
	if ctx.Err() != nil && len(steps) < len(c.sources) {
		steps = append(steps, Step{Source: c.sources[len(steps)].name, Outcome: Failed, Took: time.Since(begun), Code: diagnostic.SignInTimeout,
			Detail: fmt.Sprintf("no token within %s for the whole sign-in", totalLimit)})
	}
	c.setReport(Report{Took: time.Since(begun), Steps: steps})
	return azcore.AccessToken{}, &Error{Named: c.name, Steps: steps}
}

func (c *chain) setReport(report Report) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.report = report
}

// lastReport is the result of the last search.
func (c *chain) lastReport() Report {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.report
}

// try opens a source and gets a token from it.
func (c *chain) try(ctx context.Context, s source, options policy.TokenRequestOptions) (azcore.AccessToken, Step) {
	begun := time.Now()
	credential, err := s.open(&c.options)
	if err != nil {
		step := Step{Source: s.name, Took: time.Since(begun), Outcome: Failed, Detail: summarize(err.Error()), Code: codeOf(err)}
		if lacks, ok := errors.AsType[*missingError](err); ok {
			step.Outcome, step.Partly = NotSetUp, lacks.partly
		}
		return azcore.AccessToken{}, step
	}
	chosen := chosenSource{s, credential}
	token, step := c.getToken(ctx, chosen, options)
	if step.Outcome == Used {
		c.used = &chosen
	}
	return token, step
}

// getToken gets a token from an open source, within its limit.
func (c *chain) getToken(ctx context.Context, s chosenSource, options policy.TokenRequestOptions) (azcore.AccessToken, Step) {
	begun := time.Now()
	limited, cancel := awake.WithTimeout(ctx, s.limit)
	defer cancel()
	token, err := s.credential.GetToken(limited, options)
	step := Step{Source: s.name, Took: time.Since(begun), Outcome: Failed}
	switch {
	case err == nil:
		step.Outcome, step.Detail = Used, principal(token.Token)
	case limited.Err() != nil:
		step.Detail, step.Code = fmt.Sprintf("no token within %s", s.limit), diagnostic.SignInTimeout
	default:
		step.Detail, step.Code = summarize(err.Error()), codeOf(err)
		lacks, isMissing := errors.AsType[*missingError](err)
		if isMissing || s.absent != nil && s.absent(err) {
			step.Outcome, step.Partly = NotSetUp, isMissing && lacks.partly
		}
	}
	return token, step
}

// codeOf is the code of an error of a credential.
func codeOf(err error) diagnostic.Code {
	if strings.Contains(err.Error(), "requires multifactor authentication") {
		return diagnostic.SignInExpired
	}
	own, _ := diagnostic.CodeOf(err) // of the network
	return cmp.Or(fixes[codes.FindString(err.Error())].Code, own, diagnostic.SignInRejected)
}

var (
	// rules are the lines that azidentity draws between the parts of an error.
	rules = regexp.MustCompile(`-{4,}`)
	// links lead to a page that says no more than the error.
	links = regexp.MustCompile(`\s*To troubleshoot, visit https://\S+`)
	// ids help only Microsoft's support engineers.
	ids = regexp.MustCompile(`\s*(Trace ID|Correlation ID|Timestamp): [0-9A-Za-z:. -]+?(Z|[0-9a-f]{12})`)
	// entra finds the sentence of Entra ID in the JSON of its response.
	entra = regexp.MustCompile(`AADSTS\d+: (?:[^"\\]|\\.)*`)
)

// secretVariables hold secrets that no line may show, even if a server or a program
// repeats them.
var secretVariables = []string{
	"AZURE_CLIENT_SECRET", "AZURE_CLIENT_CERTIFICATE_PASSWORD", "AZURE_PASSWORD",
	"SYSTEM_ACCESSTOKEN", requestToken, "IDENTITY_HEADER", "MSI_SECRET",
}

func secrets() (values []string) {
	for _, name := range secretVariables {
		values = append(values, os.Getenv(name))
	}
	return values
}

// summarize returns what a person needs of an error of azidentity, which fills a page.
// Strings of Entra ID, of metadata services and of tools reach a line only through it.
func summarize(text string) string {
	if sentence := entra.FindString(text); sentence != "" {
		text = strings.NewReplacer(`\r`, " ", `\n`, " ", `\"`, `"`).Replace(sentence)
	}
	text = printable.Scrub(text, secrets()...)
	text = ids.ReplaceAllString(links.ReplaceAllString(rules.ReplaceAllString(text, " "), ""), "")
	const enough = 600 // bytes
	return printable.Short(strings.Join(strings.Fields(text), " "), enough)
}
