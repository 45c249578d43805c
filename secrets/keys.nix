# The public keys of everybody who may log in, and of every host. The one place for them: secrets.nix encrypts for
# them, and the hosts let the people in.
{
  people = {
    ada = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEKRQCbaJ89vMLLnost/hNyjFE6t3oin8T1Y9eFH6Hf5";
    bela = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIWSY7rQ4dD/pFd3sm1WEMJ+SFQ+MIK+6wVGmfDwWm1i";
  };
  hosts = {
    catgraft = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDwJolLk2hfZegiP4X3WBpR/tV8jlHFbY2r9DqVHapm6";
    catgraft-next = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB7Xa5cCLTK6itDSm5435tyofnRm7B7uXJAW216765xy";
  };
}
