package config

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/endpoint"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/signin"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/transport"
	"github.com/nx-azure-cache/nx-azure-cache/cache/diagnostic"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/claims"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/taskfilter"
	"github.com/nx-azure-cache/nx-azure-cache/license"
)

// The environment variables that override the azure block.
const (
	// OwnConnectionVariable is read first. It is for workspaces in which
	// ConnectionVariable belongs to the application.
	OwnConnectionVariable = claims.OwnConnectionVariable
	ConnectionVariable    = claims.ConnectionVariable
	SASVariable           = "NX_AZURE_CACHE_SAS_URL"
	CredentialVariable    = "NX_AZURE_CACHE_CREDENTIAL"
	ModeVariable          = claims.ModeVariable
)

// Settings are the azure block and the environment, combined and validated.
type Settings struct {
	Mode        cache.Mode
	Container   string
	AccountName string
	Endpoint    string
	Prefix      string
	// credential is the only credential to try; "" tries all in our order.
	credential string
	cloud      string // "" means the cloud of the endpoint, or public
	// At most one of these is set.
	ConnectionString endpoint.Secret
	SASURL           endpoint.Secret
	// connectionFrom is the variable with the connection string. fromFile is its claim if
	// the string comes from a .env file.
	connectionFrom  string
	fromFile        *claims.Claim
	Limits          transport.Limits
	environment     transport.Environment // proxies and certificate authorities
	trustedHosts    endpoint.TrustedHosts
	MaxArtifactSize cache.Size // at most the limit of Azure
	CacheFailures   bool
	Backfill        bool // whether to store local hits that the remote cache lacks
	Tasks           taskfilter.Filter
	Trust           TrustSettings
	Drain           time.Duration // how long to store entries after the end of a run
	Claims          claims.Set    // variables of .env files
	Records         Records       // which runs store a record
	JobSummary      bool          // whether this run adds to its job's summary in CI
	SummaryFile     string        // the file for the run's totals as JSON, or ""
	Verify          float64       // the share of hits, from 0 to 1, that trusted CI runs verify
}

// Format keeps secrets out of every verb. Package fmt does not call the Format method of
// an unexported field, so a Secret there would be shown.
func (s Settings) Format(f fmt.State, verb rune) {
	type shown Settings // without this method
	redacted := func(secret *endpoint.Secret) {
		if *secret != "" {
			*secret = endpoint.Secret(secret.String())
		}
	}
	redacted(&s.ConnectionString)
	redacted(&s.SASURL)
	s.Claims, s.fromFile = nil, nil // package fmt would not call their Format methods
	_, _ = fmt.Fprintf(f, fmt.FormatString(f, verb), shown(s))
}

// DefaultDrain is longer than storing the last results usually takes, and short enough for
// people who wait for it.
const DefaultDrain = time.Minute

// ReadSettings is the only place that combines the environment with nx.json. The error
// joins all problems; the warnings are about what is ignored. With the mode no-cache there
// are no problems and no warnings. A blank variable counts as unset, because CI passes an
// empty value where a pull request may not have the secret.
func ReadSettings(block json.RawMessage, ci bool, getenv func(string) string) (Settings, []diagnostic.Message, error) {
	s, wrong := readSettings(block, ci, getenv)
	if s.Mode == cache.NoCache {
		return Settings{Mode: cache.NoCache}, nil, nil
	}
	return s, wrong.messages(), wrong.join()
}

// readSettings does the same for every mode, and keeps the problems apart.
func readSettings(block json.RawMessage, ci bool, getenv func(string) string) (Settings, *problems) {
	variable := func(name string) string { return strings.TrimSpace(getenv(name)) }
	wrong := newProblems()
	b := readBlock(block, wrong)
	s := Settings{
		Mode:        chooseMode(b, ci, variable(ModeVariable), wrong),
		Container:   b.container,
		AccountName: b.accountName,
		Endpoint:    b.endpoint,
		Prefix:      b.prefix,
		cloud:       chooseCloud(b.cloud, b.endpoint, wrong),
		Limits: transport.Limits{
			Connect:   timeLimit("connect", b.connect, transport.DefaultLimits.Connect, wrong),
			FirstByte: timeLimit("firstByte", b.firstByte, transport.DefaultLimits.FirstByte, wrong),
			Stall:     timeLimit("stall", b.stall, transport.DefaultLimits.Stall, wrong),
		},
		MaxArtifactSize: azure.MaxBlob,
		CacheFailures:   b.cacheFailures,
		Backfill:        b.backfill,
		Tasks:           taskfilter.Filter{Include: b.include, Exclude: b.exclude},

		Trust: b.trust,
		Drain: timeLimit("drain", b.drain, DefaultDrain, wrong),
	}
	if b.maxArtifactSize > 0 {
		s.MaxArtifactSize = min(s.MaxArtifactSize, b.maxArtifactSize)
	}
	environment, ignored := transport.ReadEnvironment(getenv)
	s.environment = environment
	for _, message := range ignored {
		name, _, _ := strings.Cut(message.Text, " ")
		wrong.warn(Problem{Key: name, Kind: KindIgnored, Message: message.Text, Diagnostic: message.Code})
	}
	s.readEndOfRun(b, ci, variable, wrong)
	s.chooseCredential(b.credential, variable, wrong)
	s.readTrustedHosts(variable(endpoint.TrustedHostsVariable), wrong)
	if !wrong.has(inBlock) {
		s.check(wrong)
	}
	return s, wrong
}

// readTrustedHosts reads which hosts outside Azure may receive tokens. nx.json has no such
// key, because a pull request can change nx.json. Connection strings and SAS URLs need no
// token.
func (s *Settings) readTrustedHosts(text string, wrong *problems) {
	if s.ConnectionString != "" || s.SASURL != "" {
		return
	}
	hosts, err := endpoint.ParseTrustedHosts(text)
	if err != nil {
		wrong.add(endpoint.TrustedHostsVariable, checkValue(text, func(string) error { return err }))
	}
	s.trustedHosts = hosts
}

// The limits of time limits. A value of a few milliseconds lacks its unit, and a value of
// hours would let a run hang.
const (
	minTimeout = 100 * time.Millisecond
	maxTimeout = 10 * time.Minute
)

// timeLimit reads a time limit. Only drain may be 0, which means: do not wait.
func timeLimit(key, text string, otherwise time.Duration, wrong *problems) time.Duration {
	if text == "" {
		return otherwise
	}
	d, err := time.ParseDuration(text)
	isZero := key == "drain" && err == nil && d == 0
	if err != nil || (d < minTimeout || d > maxTimeout) && !isZero {
		wrong.add(InKey(timeoutsKey+"."+key), notAllowed(Shown(text), `is %s; allowed are times from "100ms" to "10m", such as "%s"`, otherwise))
		return otherwise
	}
	return d
}

// chooseMode chooses the mode. It reports an unknown mode with its key or variable: an
// unknown value once disabled a cache silently (nx#31144).
func chooseMode(b rawConfig, ci bool, override string, wrong *problems) cache.Mode {
	place, text := InKey("localMode"), b.localMode
	if ci {
		place, text = InKey("ciMode"), b.ciMode
	}
	if override != "" {
		place, text = ModeVariable, override
	}
	if text == "" {
		return cache.ReadWrite
	}
	mode, ok := cache.ParseMode(text)
	if !ok {
		wrong.add(place, notOneOf(text, modes))
	}
	return mode
}

// modes are all valid spellings.
var modes = []cache.Mode{cache.ReadWrite, cache.ReadOnly, "read", cache.NoCache}

// chooseCloud decides in which of Azure's clouds the account is. The names are
// Terraform's. An endpoint implies its cloud.
func chooseCloud(text, endpoint string, wrong *problems) string {
	switch named := signin.CloudOf(endpoint).String(); {
	case text == "":
	case !slices.Contains(signin.CloudNames(), text):
		wrong.add(InKey("cloud"), notOneOf(text, signin.CloudNames()))
	case endpoint != "" && named != signin.CloudNames()[0] && named != text:
		wrong.add(InKey("cloud"), fmt.Errorf("is %s, but the endpoint is in %s", text, named))
	}
	return text
}

// check adds all problems at once, but only of values that are used. Any one of connection
// string, SAS URL, endpoint and account name is enough (nx#30018), and the first of them
// decides.
func (s Settings) check(wrong *problems) {
	switch {
	case s.Container != "":
		wrong.add(InKey("container"), checkValue(s.Container, endpoint.CheckContainer))
	case s.SASURL == "" || !wrong.has(SASVariable): // an invalid SAS URL may name the container
		wrong.add(InKey("container"), missing("is missing: name a container that exists"))
	}
	switch {
	case s.ConnectionString != "" || s.SASURL != "":
	case s.Endpoint != "":
		wrong.add(InKey("endpoint"), checkValue(s.Endpoint, endpoint.Check))
	case s.AccountName != "":
		wrong.add(InKey("accountName"), checkValue(s.AccountName, endpoint.CheckAccountName))
	case wrong.has(InKey("endpoint")): // the endpoint should be used, but is invalid
	case isStorageSecret(s.credential): // its variable is missing, which is a problem already
	case s.credential != "":
		wrong.add(InKey("accountName"), missing(fmt.Sprintf("is missing: name the storage account, or its endpoint; the sign-in %s needs it", s.credential)))
	default:
		wrong.add(InKey("accountName"), missing(fmt.Sprintf("is missing: name the storage account, or set %s or %s", ConnectionVariable, SASVariable)))
	}
	s.checkTasks(wrong)
	if tokens.MatchString(s.Prefix) { // a JWT has only characters of a prefix
		wrong.add(InKey("prefix"), diagnostic.With(diagnostic.SecretInNxJSON, fmt.Errorf("is %s, which looks like a license; a license belongs in %s", Shown(s.Prefix), license.Variable)))
	}
	if !cache.ValidPrefix(s.Prefix) {
		wrong.add(InKey("prefix"), wrongPrefix(s.Prefix))
	}
}

func (s Settings) checkTasks(wrong *problems) {
	if s.Tasks.Include != nil && len(s.Tasks.Include) == 0 {
		wrong.add(InKey("include"), &ruleError{kind: KindInvalid, seen: "[]", fix: "name targets, or remove it", text: "is empty: nothing would be cached; name targets, or remove it"})
	}
	for key, patterns := range map[string][]string{"include": s.Tasks.Include, "exclude": s.Tasks.Exclude} {
		for i, pattern := range patterns {
			if !taskfilter.IsPattern(pattern) {
				wrong.add(InKey(key), notAllowed(Shown(pattern), `has %s at %d; allowed are a target, PROJECT:TARGET and PROJECT:TARGET:CONFIGURATION, in which "*" matches any characters`, i+1))
				break
			}
		}
	}
}

func wrongPrefix(prefix string) error {
	return notAllowed(Shown(prefix), `is %s; allowed are segments of letters, digits, ".", "_" and "-" with "/" between them`)
}

// tokens matches JWTs, such as a license.
var tokens = regexp.MustCompile(`(^|/)eyJ[0-9A-Za-z_-]+\.`)
