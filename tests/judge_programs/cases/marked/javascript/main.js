console.log("fine");
