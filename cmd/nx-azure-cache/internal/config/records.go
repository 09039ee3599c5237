package config

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/nx-azure-cache/nx-azure-cache/cache/diagnostic"
)

// Records says which runs store a record of what they did.
type Records string

// The values of azure.records.
const (
	RecordsInCI Records = "ci" // the default
	RecordsAll  Records = "all"
	RecordsNone Records = "none"
)

var recordsValues = []Records{RecordsInCI, RecordsAll, RecordsNone}

// The variables about the end of a run. A claim of a .env file counts for neither: a
// checkout must not choose a file that this process writes, and must not turn verification
// off, or on for every hit.
const (
	// VerifyVariable overrides azure.verify.
	VerifyVariable = "NX_AZURE_CACHE_VERIFY"
	// SummaryFileVariable names a file that receives the totals of the run. nx.json has no
	// such key, because a pull request can change nx.json.
	SummaryFileVariable = "NX_AZURE_CACHE_SUMMARY_FILE"
)

// The keys about the end of a run.
const (
	recordsKey    = "records"
	jobSummaryKey = "jobSummary"
	verifyKey     = "verify"
)

// readEndOfRun reads what a run leaves behind, and which share of hits it verifies.
func (s *Settings) readEndOfRun(b rawConfig, ci bool, variable func(string) string, wrong *problems) {
	s.Records = chooseRecords(b.records, wrong)
	s.JobSummary = ci && b.jobSummary
	s.SummaryFile = variable(SummaryFileVariable)
	place, text := InKey(verifyKey), b.verify
	if override := variable(VerifyVariable); override != "" {
		place, text = VerifyVariable, override
	}
	share, ok := parseShare(text)
	switch {
	case !ok:
		wrong.add(place, notAllowed(shownShare(text), `is %s; allowed are percentages from "0%%" to "100%%", such as "2%%" and "0.5%%"`))
	case share > 0 && s.Trust.Shared:
		wrong.warn(Problem{
			Key: keyOf(place), Kind: KindIgnored, Diagnostic: diagnostic.SettingInvalid,
			Message: fmt.Sprintf(`%s has no effect where azure.trust.isolation is "%s": only trusted runs verify hits`, place, isolateNothing),
		})
	default:
		s.Verify = share
	}
}

func chooseRecords(text string, wrong *problems) Records {
	for _, value := range recordsValues {
		if text == string(value) {
			return value
		}
	}
	if text != "" {
		wrong.add(InKey(recordsKey), notOneOf(text, recordsValues))
	}
	return RecordsInCI
}

// percentage matches a percentage from 0% to 100%. The JSON schema has the same pattern.
var percentage = regexp.MustCompile(`^(100(?:\.0{1,10})?|[0-9]{1,2}(?:\.[0-9]{1,10})?) ?%$`)

// parseShare returns the share that a percentage means, from 0 to 1. An empty string means
// 0.
func parseShare(text string) (share float64, ok bool) {
	if text == "" {
		return 0, true
	}
	match := percentage.FindStringSubmatch(text)
	if match == nil {
		return 0, false
	}
	number, err := strconv.ParseFloat(match[1], 64)
	return number / 100, err == nil
}

// isNumeric reports whether text has only characters of numbers, so that it is no secret.
// [Shown] would hide it because of its sign.
func isNumeric(text string) bool {
	const longest = 15 // shorter than a secret
	return len(text) <= longest && strings.Trim(text, "0123456789.,-+% ") == ""
}

func shownShare(text string) string {
	if isNumeric(text) {
		return strconv.Quote(text)
	}
	return Shown(text)
}

// percentField reads a percentage, which is a string: the number 2 may mean 2% or 200%.
func percentField(field *string) fieldReader {
	return func(path string, value any, wrong *problems) {
		text, isText := value.(string)
		switch {
		case !isText:
			wrong.add(InKey(path), wrongType(value, `must be a string with a percentage, such as "2%"`))
		case strings.ContainsAny(text, secretChars) && !isNumeric(text):
			wrong.add(InKey(path), misplacedSecret(text))
		default:
			*field = strings.TrimSpace(text)
		}
	}
}
