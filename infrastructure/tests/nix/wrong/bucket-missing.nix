# S3 without a bucket.
{
  sentence = "services.catgraft.pagestore.settings.objectstore.bucket is missing";
  change = { lib, ... }: {
    services.catgraft.pagestore = {
      settings.objectstore.type = lib.mkForce "s3_compatible";
      credentials.s3-credentials = "/run/secrets/s3";
    };
  };
}
