SELECT chimera.patch_media($1::uuid[], $2::uuid[], $3::jsonb[])
