package main

import (
	"github.com/spf13/cobra"

	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/entries"
)

// selectionHelp explains them.
const selectionHelp = `
Scopes are trusted, local, shared, pr-NUMBER and branch-NAME, in whose names every
byte but letters, digits, "." and "-" is "_" and two hexadecimal digits:
feature/login is branch-feature_2Flogin. --scope takes patterns, too: "*" stands for
any characters, "?" for one.

--ref, --run and --signer are about what entries say of themselves. Where no
signature proves it (--signature valid), it is the word of whoever could write
there: to find what an attacker has written, use --signature, --scope, --after and
--before. The states of signatures are explained by nx-azure-cache ls --help.

--after and --before are about the time at which the storage last wrote the blob,
by its own clock: not about the time that an entry claims. A time is such as
2026-11-22T18:30:00Z, 2026-11-22 (midnight UTC), or an age such as 90m, 12h, 30d,
2w: --before 30d means older than 30 days.

--archived means those that a lifecycle rule has moved to the archive tier: they count
as misses, and as long as they are there their results cannot be stored again.`

// addSelectionFlags adds the flags that say which entries are meant.
func addSelectionFlags(command *cobra.Command, f *entries.Filter) {
	flags := command.Flags()
	flags.StringArrayVar(&f.Hashes, "hash", nil, "of this task hash; may be given several times")
	flags.StringArrayVar(&f.Scopes, "scope", nil, `in this scope, or in all that a pattern such as "pr-*" matches; may be given several times`)
	flags.StringVar(&f.Ref, "ref", "", "stored by runs of this ref: refs/heads/main, or main")
	flags.StringVar(&f.Run, "run", "", "stored by this run of CI: its URL, or the number at the end of it")
	flags.StringVar(&f.Signer, "signer", "", "signed with this key, by its ID or public key; whether the signature is valid or not")
	flags.StringArrayVar(&f.Signatures, "signature", nil, "with a signature that is valid, invalid, unchecked or unsigned; may be given several times")
	flags.StringVar(&f.After, "after", "", "written at this time or later")
	flags.StringVar(&f.Before, "before", "", "written before this time")
	flags.BoolVar(&f.Archived, "archived", false, "in the storage's archive tier, where no run can read it")
	f.IsSet = flags.Changed
}
