function glue() { throw new Error('as it happens'); }
