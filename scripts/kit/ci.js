'use strict';

/** The variables of a CI run on the trusted branch: it reads and writes one scope. */
const onMain = { CI: 'true', NX_AZURE_CACHE_REF: 'refs/heads/main' };

exports.onMain = onMain;
