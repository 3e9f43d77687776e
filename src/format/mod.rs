<<<<<<< HEAD
//! Floor 2: the forms in which people read and exchange content. Pure functions on bytes, no I/O.

pub mod diff;
=======
//! What people exchange: formats that other programs read and write.

pub mod har;
>>>>>>> ebf33b4b3d631a1c8845991c423e68669764af50
