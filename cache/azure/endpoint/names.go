package endpoint

import (
	"errors"
	"regexp"
)

var (
	// learn.microsoft.com/azure/storage/common/storage-account-overview
	accountNames = regexp.MustCompile(`^[a-z0-9]{3,24}$`)
	// learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata
	containerNames = regexp.MustCompile(`^[a-z0-9](-?[a-z0-9])+$`)
)

// The Check functions return the rule that a setting breaks, without the value. The value
// may be a misplaced secret; the caller decides how to show it.

// CheckAccountName returns an error unless name can be that of a storage account.
func CheckAccountName(name string) error {
	if !accountNames.MatchString(name) {
		return errors.New("an account name has 3 to 24 lower-case letters and digits")
	}
	return nil
}

// CheckContainer returns an error unless name can be that of a container.
func CheckContainer(name string) error {
	if len(name) < 3 || len(name) > 63 || !containerNames.MatchString(name) {
		return errors.New("a container name has 3 to 63 lower-case letters, digits and single hyphens")
	}
	return nil
}
